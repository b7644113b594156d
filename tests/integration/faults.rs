//! What goes wrong around a capture.

use std::{
    fs,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    sys::{
        signal::Signal,
        time::{TimeSpec, TimeValLike as _},
    },
    time::{ClockId, clock_gettime, clock_settime},
};
use rustix::{
    fs::{CWD, Mode, mkfifoat},
    io::ioctl_fionread,
};
use vtap_tests::{
    capture::{
        Capture, Ended, binary, signal, suspend, time_of_day, wait_until, wait_until_handled,
    },
    file,
    frames::{self, mirrored},
    need::Need,
    net::{Net, TAP_DEV, TARGET_DEV},
    sender::Sender,
    wire::Wire,
    written::Form,
};

crate::tests![
    interface_is_down_at_first [],
    interface_goes_down_and_up [],
    interface_changes_its_mtu [],
    interface_is_given_jumbo_frames [Need::Kernel(5, 18)],
    interface_leaves_a_bridge [Need::Bridges],
    interface_flaps [],
    interface_is_renamed [],
    interface_is_deleted [Need::Veth],
    interface_moves_away [],
    other_end_goes_with_its_namespace [Need::Veth],
    namespace_loses_its_name [],
    disk_fills [],
    disk_under_standard_output_fills [],
    every_error_is_told [],
    accounts_are_there_though_all_outputs_fail [],
    nobody_reads_standard_error [],
    pipe_of_packets_is_closed [],
    pipe_of_packets_is_full [],
    pipe_of_packets_is_never_read [],
    time_of_day_is_stepped [Need::OwnClock],
];

/// A capture to a file that has taken one packet.
fn capture(net: &Net) -> Result<Capture> {
    let capture = Capture::start(&net.target, &["-w", "x.pcapng", "--print"])?;
    send(net)?;
    wait_until("the first packet", || Ok(capture.printed()?.lines().count() == 1))?;
    Ok(capture)
}

fn send(net: &Net) -> Result<()> {
    Sender::new(&net.tap)?.send(&mirrored(7, &frames::icmp(1, &[])))
}

/// Sends until one more packet arrives, and stops when it has said these words in their order.
fn goes_on(net: &Net, mut capture: Capture, words: &[&str]) -> Result<Ended> {
    let before = capture.printed()?.lines().count();
    wait_until("another packet", || {
        // Refused while the interface is not up again.
        let _ = send(net);
        Ok(capture.printed()?.lines().count() > before)
    })?;
    let mut seen = 0;
    for words in words {
        seen = capture.wait_until_said(words, seen)?;
    }
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?.len() as u64;
    ensure!(packets == ended.count("written"), "{packets} packets in the file");
    Ok(ended)
}

/// Waits for the end that the loss of the interface brings.
fn ends_for_want_of_interface(capture: Capture) -> Result<()> {
    let ended = capture.wait()?;
    ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
    ensure!(ended.stderr.contains("ens3 is gone"), "{}", ended.stderr);
    ended.check_accounts()?;
    ensure!(ended.count("written") == 1 && ended.count("matched.packets") == 1);
    ensure!(file::read(&ended.file("x.pcapng"))?.len() == 1);
    Ok(())
}

fn interface_is_down_at_first() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link set ens3 down")?;
    let capture = Capture::start(&net.target, &["-w", "x.pcapng", "--print"])?;
    net.target.run("ip link set ens3 up")?;
    goes_on(&net, capture, &["ens3 is down", "ens3 is up"]).map(drop)
}

fn interface_goes_down_and_up() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    net.target.run("ip link set ens3 down")?;
    net.target.run("ip link set ens3 up")?;
    goes_on(&net, capture, &["ens3 is down", "ens3 is up again"]).map(drop)
}

fn interface_changes_its_mtu() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    for mtu in [1280, 3000] {
        net.target.run(&format!("ip link set ens3 mtu {mtu}"))?;
        net.tap.run(&format!("ip link set {TAP_DEV} mtu {mtu}"))?;
    }
    let ended = goes_on(&net, capture, &["ens3 has an MTU of 3000 now"])?;
    ensure!(!ended.stderr.contains("warning"), "{}", ended.stderr);
    Ok(())
}

/// Longer packets arrive whole, and where the driver would drop them, that is said.
fn interface_is_given_jumbo_frames() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcapng"])?;
    let native = net.target.xdp_mode(TARGET_DEV)? == Some("native");
    for (namespace, dev) in [(&net.target, TARGET_DEV), (&net.tap, TAP_DEV)] {
        namespace.run(&format!("ip link set {dev} mtu 9000"))?;
    }
    let inner = frames::ethernet(0x9999, &frames::pattern(1, 8900));
    let whole = !native || Wire::chosen()?.is_native_at(9000, true)?;
    if whole {
        Sender::new(&net.tap)?.send(&mirrored(7, &inner))?;
    }
    if !whole {
        // Else the driver refuses to give back the program, as vtap has warned.
        net.target.run(&format!("ip link set {TARGET_DEV} mtu 1500"))?;
    }
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.stderr.contains("ens3 has an MTU of 9000 now"), "{}", ended.stderr);
    ensure!(whole != ended.stderr.contains("set the MTU back"), "{}", ended.stderr);
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == usize::from(whole));
    ensure!(packets.iter().all(|packet| packet.data == inner));
    Ok(())
}

fn interface_leaves_a_bridge() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    net.target.run("ip link add br0 type bridge")?;
    net.target.run("ip link set ens3 master br0")?;
    send(&net)?;
    wait_until("a packet on a bridge", || Ok(capture.printed()?.lines().count() == 2))?;
    net.target.run("ip link set ens3 nomaster")?;
    // By then it has been told, as changes are in their order.
    net.target.run("ip link set ens3 mtu 1400")?;
    let ended = goes_on(&net, capture, &["ens3 has an MTU of 1400 now"])?;
    ensure!(ended.count("written") == 3, "{}", ended.stats);
    Ok(())
}

/// However often an interface changes, nothing piles up.
fn interface_flaps() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    let before = capture.descriptors()?;
    for _ in 0..20 {
        net.target.run("ip link set ens3 down")?;
        net.target.run("ip link set ens3 up")?;
    }
    wait_until("all descriptors to be closed", || Ok(capture.descriptors()? <= before))?;
    goes_on(&net, capture, &[]).map(drop)
}

fn interface_is_renamed() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    // Older kernels rename only what is down.
    net.target.run("ip link set ens3 down")?;
    net.target.run("ip link set ens3 name other0")?;
    net.target.run("ip link set other0 up")?;
    goes_on(&net, capture, &["ens3 is now called other0"])?;
    ensure!(net.target.xdp_program("other0")?.is_none());
    Ok(())
}

fn interface_is_deleted() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    net.target.run("ip link del ens3")?;
    ends_for_want_of_interface(capture)
}

fn interface_moves_away() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    net.target.run(&format!("ip link set ens3 netns {}", net.tap.name))?;
    ends_for_want_of_interface(capture)?;
    ensure!(net.tap.xdp_program(TARGET_DEV)?.is_none());
    Ok(())
}

fn other_end_goes_with_its_namespace() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    let Net { tap, target } = net;
    drop(tap);
    ends_for_want_of_interface(capture)?;
    drop(target);
    Ok(())
}

/// A namespace lives on while a process is in it, and so does the capture.
fn namespace_loses_its_name() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    let name = &net.target.name;
    ensure!(Command::new("ip").args(["netns", "del", name]).status()?.success());
    goes_on(&net, capture, &[]).map(drop)
}

/// A file system of one megabyte.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: PathBuf) -> Result<Self> {
        fs::create_dir(&dir)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "vtap-test"]).arg(&dir);
        ensure!(mount.status()?.success());
        Ok(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn disk_fills() -> Result<()> {
    for name in ["x.pcapng", "x.pcap", "x.pcapng.zst"] {
        let net = Net::new()?;
        let dir = tempfile::tempdir()?;
        let disk = SmallDisk::mount(dir.path().join("disk"))?;
        let path = disk.0.join(name);
        let capture = Capture::start(&net.target, &["-w", &path.display().to_string()])?;
        let sender = Sender::new(&net.tap)?;
        let random = |number| frames::udp((1, 2), &frames::pattern(number, 1001));
        sender.send_all((0..2000).map(|number| mirrored(7, &random(number))))?;
        let ended = capture.wait()?;
        ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
        ensure!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
        ended.check_accounts()?;
        let packets = file::read(&path)?;
        for (number, packet) in (0..).zip(&packets) {
            ensure!(packet.data == random(number), "{name}: packet {number}");
        }
        let (there, written) = (packets.len() as u64, ended.count("written"));
        ensure!(there == written && there > 600, "{name}: {there} packets, {written} written");
    }
    Ok(())
}

/// A shell in a directory of its own, once the `VTAP` of its script is attached.
fn by_shell(net: &Net, script: &str) -> Result<(tempfile::TempDir, Child)> {
    let dir = tempfile::tempdir()?;
    let vtap = format!("{} capture -i ens3", binary().display());
    let mut shell = net.target.command("sh");
    shell.args(["-c", &script.replace("VTAP", &vtap)]).current_dir(dir.path());
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
    Ok((dir, child))
}

/// The exit code that a script has written to a file of that name.
fn code(dir: &Path) -> Result<String> {
    let mut code = String::new();
    wait_until("an exit code", || {
        code = fs::read_to_string(dir.join("code")).unwrap_or_default();
        Ok(code.ends_with('\n'))
    })?;
    Ok(code.trim().to_owned())
}

fn counters(path: &Path) -> Result<serde_json::Value> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// What is in the file ends with a whole packet, whether it was empty before or not.
fn disk_under_standard_output_fills() -> Result<()> {
    for (redirection, before) in [(">", 0), (">>", 100)] {
        let net = Net::new()?;
        let dir = tempfile::tempdir()?;
        let disk = SmallDisk::mount(dir.path().join("disk"))?;
        let path = disk.0.join("x.pcapng");
        fs::write(&path, vec![b'#'; before])?;
        let script =
            format!("exec VTAP -w - --stats-json s.json 2>stderr {redirection}{}", path.display());
        let (dir, mut child) = by_shell(&net, &script)?;
        let random = |number| frames::udp((1, 2), &frames::pattern(number, 1001));
        Sender::new(&net.tap)?.send_all((0..2000).map(|number| mirrored(7, &random(number))))?;
        let status = child.wait()?;
        let stderr = fs::read_to_string(dir.path().join("stderr"))?;
        ensure!(status.code() == Some(1), "{status}: {stderr}");
        ensure!(stderr.contains("No space left on device"), "{stderr}");
        // What was there before is still there.
        let file = fs::read(&path)?;
        ensure!(file[..before].iter().all(|byte| *byte == b'#'));
        let own = dir.path().join("own.pcapng");
        fs::write(&own, &file[before..])?;
        let packets = file::read(&own)?;
        for (number, packet) in (0..).zip(&packets) {
            ensure!(packet.data == random(number), "{redirection}: packet {number}");
        }
        let written = counters(&dir.path().join("s.json"))?["written"].as_u64();
        ensure!(written == Some(packets.len() as u64) && packets.len() > 600, "{written:?}");
    }
    Ok(())
}

/// The packets can't be written, and neither can the counters.
fn every_error_is_told() -> Result<()> {
    let net = Net::new()?;
    let gone = tempfile::tempdir()?;
    let counters = gone.path().join("s.json").display().to_string();
    let script = format!("exec VTAP --stats-json {counters} 2>stderr >/dev/full");
    let (dir, mut child) = by_shell(&net, &script)?;
    gone.close()?;
    send(&net)?;
    let status = child.wait()?;
    let stderr = fs::read_to_string(dir.path().join("stderr"))?;
    ensure!(status.code() == Some(1), "{status}: {stderr}");
    for words in ["standard output: No space left", &counters, "1 packets delivered"] {
        ensure!(stderr.contains(words), "no `{words}` in {stderr}");
    }
    Ok(())
}

/// A file fails in the midst of packets, and then standard output with what it still holds.
fn accounts_are_there_though_all_outputs_fail() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    let disk = SmallDisk::mount(dir.path().join("disk"))?;
    fs::write(disk.0.join("filler"), vec![0; 900 << 10])?;
    let path = disk.0.join("x.pcapng");
    let script =
        format!("exec VTAP -w {} --print --stats-json s.json 2>stderr >/dev/full", path.display());
    let (dir, mut child) = by_shell(&net, &script)?;
    // All are there when it looks again, and the file takes no more than some of them.
    suspend(child.id())?;
    Sender::new(&net.tap)?
        .send_all((0..1000).map(|seq| mirrored(7, &frames::icmp(seq, &[0; 1000]))))?;
    signal(child.id(), Signal::SIGCONT)?;
    let status = child.wait()?;
    let stderr = fs::read_to_string(dir.path().join("stderr"))?;
    ensure!(status.code() == Some(1), "{status}: {stderr}");
    ensure!(stderr.contains("x.pcapng: No space left"), "{stderr}");
    ensure!(stderr.contains("1000 packets delivered"), "{stderr}");
    let counters = counters(&dir.path().join("s.json"))?;
    ensure!(counters["delivered"]["packets"] == 1000, "{counters}");
    let packets = file::read(&path)?.len() as u64;
    ensure!(packets < 1000 && counters["written"] == packets, "{packets}: {counters}");
    for (output, packets) in
        counters["outputs"].as_array().context("no outputs")?.iter().zip([packets, 0])
    {
        ensure!(output["packets"] == packets && output["dropped"] == 1000 - packets, "{output}");
        ensure!(
            output["error"].as_str().is_some_and(|error| error.contains("No space")),
            "{output}"
        );
    }
    Ok(())
}

/// It ends as if somebody did, with its counters written.
fn nobody_reads_standard_error() -> Result<()> {
    let net = Net::new()?;
    let script = "(VTAP --stats-json s.json; echo $? >code) 2>&1 | head -n 3";
    let (dir, mut child) = by_shell(&net, script)?;
    wait_until("the end", || {
        send(&net)?;
        Ok(child.try_wait()?.is_some())
    })?;
    let code = code(dir.path())?;
    ensure!(code == "0", "it ends with {code}");
    let counters = counters(&dir.path().join("s.json"))?;
    ensure!(counters["delivered"]["packets"].as_u64() >= Some(2), "{counters}");
    Ok(())
}

/// Of a recording, some is then missing.
fn pipe_of_packets_is_closed() -> Result<()> {
    let net = Net::new()?;
    let script = "(VTAP -w - 2>stderr; echo $? >code) | head -c 10000 >head";
    let (dir, mut shell) = by_shell(&net, script)?;
    wait_until("the end", || {
        send(&net)?;
        Ok(shell.try_wait()?.is_some())
    })?;
    wait_until("detachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_none()))?;
    ensure!(fs::metadata(dir.path().join("head"))?.len() == 10_000);
    let code = code(dir.path())?;
    let stderr = fs::read_to_string(dir.path().join("stderr"))?;
    ensure!(code == "1" && stderr.contains("standard output: Broken pipe"), "{stderr}");
    Ok(())
}

/// A signal ends the capture all the same, and its accounts are closed.
fn pipe_of_packets_is_full() -> Result<()> {
    let net = Net::new()?;
    let frames: Vec<_> = (0..1000).map(|seq| mirrored(7, &frames::icmp(seq, &[0; 1000]))).collect();
    let dir = tempfile::tempdir()?;
    let file: Vec<_> = frames.iter().map(|frame| (0, frame.clone())).collect();
    fs::write(dir.path().join("read"), Form::USUAL.file(&file))?;
    for source in [["-i", TARGET_DEV], ["-r", "read"]] {
        let mut command = net.target.command(&binary().display().to_string());
        command.arg("capture").args(source).args(["-w", "-", "--stats-json", "s.json"]);
        command.current_dir(dir.path()).stdout(Stdio::piped());
        let mut vtap = command.stderr(fs::File::create(dir.path().join("stderr"))?).spawn()?;
        if source[0] == "-i" {
            wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
            Sender::new(&net.tap)?.send_all(&frames)?;
        }
        // It fills the pipe, and is asked to end while it waits.
        let pipe = vtap.stdout.as_ref().context("no pipe")?.as_fd();
        let mut bytes = 0;
        wait_until("a full pipe", || {
            sleep(Duration::from_millis(100));
            let before = std::mem::replace(&mut bytes, ioctl_fionread(pipe)?);
            Ok(bytes > 0 && bytes == before)
        })?;
        signal(vtap.id(), Signal::SIGTERM)?;
        let mut status = None;
        wait_until("the end", || {
            status = vtap.try_wait()?;
            Ok(status.is_some())
        })?;
        let stderr = fs::read_to_string(dir.path().join("stderr"))?;
        ensure!(status.and_then(|status| status.code()) == Some(1), "{status:?}: {stderr}");
        ensure!(stderr.contains("standard output: it did not take what was left"), "{stderr}");
        let counters = counters(&dir.path().join("s.json"))?;
        // What fits the pipe may be out.
        let written = counters["written"].as_u64();
        ensure!(counters["delivered"]["packets"] == 1000 && written < Some(100), "{counters}");
    }
    Ok(())
}

/// Nor does one wait for ever that nobody opens.
fn pipe_of_packets_is_never_read() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    mkfifoat(CWD, dir.path().join("pipe"), Mode::RWXU)?;
    fs::write(dir.path().join("read"), Form::USUAL.file(&[]))?;
    for source in [["-i", TARGET_DEV], ["-r", "read"]] {
        let mut command = net.target.command(&binary().display().to_string());
        command.arg("capture").args(source).args(["-w", "pipe"]).current_dir(dir.path());
        let mut vtap = command.stderr(Stdio::piped()).spawn()?;
        wait_until_handled(vtap.id(), Signal::SIGINT)?;
        sleep(Duration::from_millis(500));
        ensure!(vtap.try_wait()?.is_none(), "it does not wait for a reader");
        signal(vtap.id(), Signal::SIGINT)?;
        let ended = vtap.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.code() == Some(1), "{}: {stderr}", ended.status);
        ensure!(stderr.contains("cannot write pipe: nobody reads it"), "{stderr}");
    }
    Ok(())
}

/// What was sent before a step of the clock has the time from before it, and what was sent after it
/// the new one.
fn time_of_day_is_stepped() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcap", "--print"])?;
    let sender = Sender::new(&net.tap)?;
    let mut sent = Vec::new();
    for (seq, step) in (1..).zip([0, 3600, -3600]) {
        step_time_of_day(step)?;
        // Longer than an offset between the clocks is used.
        sleep(Duration::from_millis(300));
        let before = time_of_day()?;
        sender.send(&mirrored(7, &frames::icmp(seq, &[])))?;
        wait_until("a packet", || Ok(capture.printed()?.lines().count() == usize::from(seq)))?;
        sent.push(before..time_of_day()?);
    }
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcap"))?;
    ensure!(packets.len() == sent.len(), "{packets:?}");
    for (packet, sent) in packets.iter().zip(sent) {
        ensure!(sent.contains(&packet.time), "{} not in {sent:?}", packet.time);
    }
    Ok(())
}

fn step_time_of_day(seconds: i64) -> Result<()> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    Ok(clock_settime(ClockId::CLOCK_REALTIME, now + TimeSpec::seconds(seconds))?)
}
