//! Other tools read the files.

use std::{
    fs::OpenOptions,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Capture, binary, run, signal, time_of_day, wait_until},
    file,
    frames::{self, assortment, mirrored},
    need::Need,
    net::{Net, TARGET_DEV},
    sender::Sender,
    written::Form,
};

crate::tests![
    tshark_reads_pcapng ["tshark"],
    tshark_reads_pcap ["tshark"],
    tshark_reads_compressed_files ["tshark"],
    tcpdump_reads_both ["tcpdump"],
    slow_traffic_is_compressed [],
    a_compressed_packet_is_not_kept_back [],
    pcapng_to_standard_output [],
    network_identifiers_are_interfaces [],
    times_are_the_time_of_day [],
    times_in_a_time_namespace [Need::TimeNamespaces],
    counters_file_has_every_name [],
    counters_to_a_device [],
    counters_through_a_link [],
];

/// Captures an assortment into `name`.
fn captured(name: &str) -> Result<(Vec<Vec<u8>>, vtap_tests::capture::Ended)> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", name])?;
    let inner = assortment();
    Sender::new(&net.tap)?.send_all(inner.iter().map(|inner| mirrored(7, inner)))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.stdout.is_empty(), "-w shows no packets: {}", ended.stdout);
    Ok((inner, ended))
}

/// Length and hexadecimal bytes of each packet, as tshark sees them.
fn tshark(path: &Path) -> Result<Vec<(usize, String)>> {
    let output = Command::new("tshark")
        .args(["-T", "jsonraw", "-r"])
        .arg(path)
        .stderr(std::process::Stdio::null())
        .output()?;
    ensure!(output.status.success(), "{}", output.status);
    let packets: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout)?;
    let frame = |packet: &serde_json::Value| {
        let raw = &packet["_source"]["layers"]["frame_raw"];
        let len = raw[2].as_u64().unwrap_or_default() as usize;
        (len, raw[0].as_str().unwrap_or_default().to_owned())
    };
    Ok(packets.iter().map(frame).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn check_with_tshark(name: &str) -> Result<()> {
    let (inner, ended) = captured(name)?;
    let expected: Vec<_> = inner.iter().map(|frame| (frame.len(), hex(frame))).collect();
    let seen = tshark(&ended.file(name))?;
    ensure!(seen == expected, "tshark sees {seen:?}");
    Ok(())
}

fn tshark_reads_pcapng() -> Result<()> {
    check_with_tshark("x.pcapng")
}

fn tshark_reads_pcap() -> Result<()> {
    check_with_tshark("x.pcap")
}

fn tshark_reads_compressed_files() -> Result<()> {
    check_with_tshark("x.pcapng.zst")?;
    check_with_tshark("x.pcap.zst")
}

/// Hexadecimal bytes of each packet, which tcpdump shows in lines below the packet's own.
fn dumped(text: &str) -> Vec<String> {
    let mut packets: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("\t0x"), packets.last_mut()) {
            (None, _) => packets.push(String::new()),
            (Some(bytes), Some(packet)) => {
                packet.extend(bytes.split_whitespace().skip(1));
            }
            (Some(_), None) => {}
        }
    }
    packets
}

fn tcpdump_reads_both() -> Result<()> {
    for name in ["x.pcap", "x.pcapng"] {
        let (inner, ended) = captured(name)?;
        let output = Command::new("tcpdump").args(["-xxnr"]).arg(ended.file(name)).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let seen = dumped(&String::from_utf8(output.stdout)?);
        let expected: Vec<_> = inner.iter().map(|frame| hex(frame)).collect();
        ensure!(seen == expected, "{name}: tcpdump sees {seen:?}");
    }
    Ok(())
}

/// Packets that come one by one share what they have in common.
fn slow_traffic_is_compressed() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcapng.zst"])?;
    let inner =
        |number: u32| frames::tcp((40_000, 443), &[&number.to_be_bytes()[..], &[0; 96]].concat());
    let frames: Vec<_> = (0..2000).map(|number| mirrored(7, &inner(number))).collect();
    Sender::new(&net.tap)?.send_paced(500, &frames)?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng.zst"))?;
    ensure!(packets.len() == 2000 && packets[1999].data == inner(1999));
    let size = std::fs::metadata(ended.file("x.pcapng.zst"))?.len();
    let plain: usize = packets.iter().map(|packet| packet.data.len() + 32).sum();
    ensure!(size < plain as u64 / 5, "{size} bytes for {plain}");
    Ok(())
}

/// Not for long.
fn a_compressed_packet_is_not_kept_back() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcap.zst"])?;
    Sender::new(&net.tap)?.send(&mirrored(7, &frames::icmp(1, &[])))?;
    let file = capture.dir().join("x.pcap.zst");
    let read = || file::read(&file);
    wait_until("a packet", || Ok(read().is_ok_and(|packets| packets.len() == 1)))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(file::read(&ended.file("x.pcap.zst"))?.len() == 1);
    Ok(())
}

fn pcapng_to_standard_output() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "-"])?;
    let inner = frames::icmp(1, &[1, 2, 3]);
    Sender::new(&net.tap)?.send(&mirrored(7, &inner))?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("stdout"))?;
    ensure!(packets.len() == 1 && packets[0].data == inner, "{packets:?}");
    Ok(())
}

fn network_identifiers_are_interfaces() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcapng"])?;
    let vnis = [7, 0, 0x00ff_ffff, 7];
    let inner = frames::icmp(1, &[]);
    Sender::new(&net.tap)?.send_all(vnis.map(|vni| mirrored(vni, &inner)))?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    let seen: Vec<_> = packets.iter().filter_map(|packet| packet.description.clone()).collect();
    ensure!(seen == ["vni 7", "vni 0", "vni 16777215", "vni 7"], "{seen:?}");
    ensure!(ended.count("by_vni.7") == 2 && ended.count("by_vni.16777215") == 1);
    Ok(())
}

fn times_are_the_time_of_day() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcap"])?;
    let sender = Sender::new(&net.tap)?;
    let mut between = Vec::new();
    for seq in 0..20 {
        let before = time_of_day()?;
        sender.send(&mirrored(7, &frames::icmp(seq, &[])))?;
        std::thread::sleep(std::time::Duration::from_millis(15));
        between.push(before..time_of_day()?);
    }
    let ended = capture.stop()?;
    ended.check()?;
    for (packet, between) in file::read(&ended.file("x.pcap"))?.iter().zip(between) {
        ensure!(between.contains(&packet.time), "{} not in {between:?}", packet.time);
    }
    Ok(())
}

/// The monotonic clock is another than the kernel's, by however much. `/proc` could tell so, where it
/// is not hidden.
fn times_in_a_time_namespace() -> Result<()> {
    const HIDE_PROC: &str = "mount -t tmpfs tmpfs /proc && exec \"$0\" \"$@\"";
    for (seconds, hides_proc) in [("86400", false), ("-1", false), ("-1", true), ("86400", true)] {
        let net = Net::new()?;
        let dir = tempfile::tempdir()?;
        let mut command = net.target.command("unshare");
        command.args(["--mount", "--time", "--monotonic", seconds, "--"]);
        if hides_proc {
            command.args(["sh", "-c", HIDE_PROC]);
        }
        command.arg(binary()).args(["capture", "-i", TARGET_DEV, "-w", "x.pcap", "--print"]);
        let lines = dir.path().join("lines");
        command.stdout(std::fs::File::create(&lines)?).stderr(Stdio::null());
        let mut vtap = command.current_dir(dir.path()).spawn()?;
        wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
        let before = time_of_day()?;
        Sender::new(&net.tap)?.send(&mirrored(7, &frames::icmp(1, &[])))?;
        wait_until("a line", || Ok(std::fs::read_to_string(&lines)?.lines().count() == 1))?;
        let after = time_of_day()?;
        signal(vtap.id(), Signal::SIGINT)?;
        ensure!(vtap.wait()?.success());
        let packets = file::read(&dir.path().join("x.pcap"))?;
        ensure!(packets.len() == 1 && (before..after).contains(&packets[0].time), "{packets:?}");
    }
    Ok(())
}

/// What is no plain file is written, and not replaced.
fn counters_to_a_device() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    let device = dir.path().join("device");
    std::os::unix::fs::symlink("/dev/stdout", &device)?;
    let read = dir.path().join("read");
    std::fs::write(&read, Form::USUAL.file(&[(0, mirrored(7, &frames::icmp(1, &[])))]))?;
    let [device_arg, read] = [&device, &read].map(|path| path.display().to_string());
    let args = ["capture", "-r", &read, "--no-print", "--stats-json", &device_arg];
    let output = run(&net.target, &args)?;
    let counters: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.success() && counters["written"] == 1, "{counters}");
    ensure!(std::fs::symlink_metadata(&device)?.is_symlink());
    Ok(())
}

/// It stays, and what it leads to is replaced, or written on if it is open already.
fn counters_through_a_link() -> Result<()> {
    let file = Form::USUAL.file(&[(0, mirrored(7, &frames::icmp(1, &[])))]);
    for (target, lines) in [("plain", &["--no-print"][..]), ("/proc/self/fd/1", &[])] {
        let dir = tempfile::tempdir()?;
        let [link, plain, read] = ["link", "plain", "read"].map(|name| dir.path().join(name));
        std::os::unix::fs::symlink(target, &link)?;
        std::fs::write(&plain, "old")?;
        std::fs::write(&read, &file)?;
        let mut command = Command::new(binary());
        command.args(["capture", "--stats-json", "link", "-r", "read"]).args(lines);
        command.current_dir(dir.path());
        // Behind a line of its own, if that is the same file.
        let ended = command.stdout(OpenOptions::new().write(true).open(&plain)?).status()?;
        ensure!(ended.success() && std::fs::symlink_metadata(&link)?.is_symlink(), "{target}");
        let written = std::fs::read_to_string(&plain)?;
        let json = written.find('{').map(|at| written.split_at(at));
        let (before, json) = json.with_context(|| format!("no counters in {written}"))?;
        ensure!(before.is_empty() == (target == "plain"), "{target}: {written}");
        let counters: serde_json::Value = serde_json::from_str(json)?;
        ensure!(counters["written"] == 1, "{written}");
    }
    Ok(())
}

fn counters_file_has_every_name() -> Result<()> {
    let (_, ended) = captured("x.pcapng")?;
    for name in [
        "version",
        "interface",
        "xdp_mode",
        "verdict",
        "duration_s",
        "received/packets",
        "received/bytes",
        "not_tunnel",
        "tunnel",
        "malformed/total",
        "filtered",
        "matched/packets",
        "matched/bytes",
        "lost/total",
        "delivered/packets",
        "delivered/bytes",
        "written",
        "by_vni",
        "by_proto/tcp",
        "by_proto/udp",
        "by_proto/icmp",
        "by_proto/icmp6",
        "by_proto/arp",
        "by_proto/other",
        "rules",
    ] {
        ensure!(ended.stats.pointer(&format!("/{name}")).is_some(), "no {name}");
    }
    ensure!(ended.stats["interface"] == "ens3" && ended.stats["xdp_mode"] == "native");
    for (name, count) in [("tcp", 3), ("udp", 3), ("icmp", 1), ("icmp6", 1), ("arp", 1)] {
        let counted = ended.count(&format!("by_proto.{name}"));
        ensure!(counted >= count, "{name}: {counted}");
    }
    Ok(())
}
