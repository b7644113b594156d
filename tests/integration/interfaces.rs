//! How vtap finds its interface, and what it learns of it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    process::{Command, Output, Stdio},
    thread::{self, sleep},
    time::Duration,
};

use anyhow::{Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::signal::Signal,
    unistd::Pid,
};
use vtap_tests::{
    capture::{Capture, Ended, binary, time_of_day},
    file,
    frames::{self, mirrored},
    need::Need,
    net::{Namespace, Net, TARGET_DEV},
    sender::Sender,
    tun::{Layer, Tun},
    wire::Wire,
};
use vtap_user::{device::driver, netlink::Name};

crate::tests![
    alternative_names [],
    names_that_are_no_text [],
    aliases_that_are_no_text [],
    a_deletion_among_junk_is_heard [Need::Veth],
    a_deletion_among_too_many_messages_is_heard [Need::Veth],
    an_unknown_name_is_shown_without_harm [],
    times_of_a_tap_device_elsewhere [Need::TunDevices, Need::Speed, "nsenter"],
    the_driver_is_that_of_this_namespace [],
    no_sys ["unshare", "umount"],
];

const LATIN_1: &[u8] = b"Sp\xfcrnase";
const GARBAGE: &[u8] = b"enp1np\xff\x01";

/// Runs `ip` with words of any bytes.
fn ip(namespace: &Namespace, words: &[&[u8]]) -> Result<()> {
    let output =
        namespace.command("ip").args(words.iter().map(|word| OsStr::from_bytes(word))).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A capture of one packet at the interface of this name.
fn takes_a_packet(net: &Net, name: &[u8]) -> Result<Ended> {
    let capture = Capture::start_at(&net.target, OsStr::from_bytes(name), &["--no-print"])?;
    Sender::new(&net.tap)?.send(&mirrored(7, &frames::icmp(1, &[])))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 1, "{}", ended.stats);
    // What is said fits a few lines of a terminal, and holds nothing that would harm it.
    let harmless = |char: char| char == '\n' || !char.is_control() && char != '\u{fffd}';
    ensure!(ended.stderr.chars().all(harmless), "{:?}", ended.stderr);
    ensure!(ended.stderr.len() < 1500, "{}", ended.stderr);
    Ok(ended)
}

fn alternative_names() -> Result<()> {
    let net = Net::new()?;
    for name in [&b"the-port-behind-the-load-balancer"[..], GARBAGE] {
        ip(&net.target, &[b"link", b"property", b"add", b"dev", b"ens3", b"altname", name])?;
        let ended = takes_a_packet(&net, name)?;
        ensure!(ended.stats["interface"] == TARGET_DEV, "{}", ended.stats);
        // Nor is such a name in the way where it is not asked for.
        takes_a_packet(&net, TARGET_DEV.as_bytes())?;
    }
    Ok(())
}

fn names_that_are_no_text() -> Result<()> {
    let net = Net::new()?;
    ip(&net.target, &[b"link", b"set", b"ens3", b"down"])?;
    ip(&net.target, &[b"link", b"set", b"ens3", b"name", LATIN_1])?;
    ip(&net.target, &[b"link", b"set", LATIN_1, b"up"])?;
    let ended = takes_a_packet(&net, LATIN_1)?;
    ensure!(ended.stderr.contains(r"capturing on Sp\xfcrnase "), "{}", ended.stderr);
    ensure!(ended.stats["interface"] == r"Sp\xfcrnase", "{}", ended.stats);
    Ok(())
}

fn aliases_that_are_no_text() -> Result<()> {
    let net = Net::new()?;
    ip(&net.target, &[b"link", b"set", b"ens3", b"alias", LATIN_1])?;
    // On any interface.
    ip(&net.target, &[b"link", b"set", b"lo", b"alias", b"\xff\xfe\x1b[2J"])?;
    takes_a_packet(&net, TARGET_DEV.as_bytes()).map(drop)
}

fn ends_for_want_of_interface(capture: Capture) -> Result<()> {
    let ended = capture.wait()?;
    ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
    ensure!(ended.stderr.contains("ens3 is gone"), "{}", ended.stderr);
    ended.check_accounts()
}

fn a_deletion_among_junk_is_heard() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    ip(&net.target, &[b"link", b"set", b"ens3", b"alias", LATIN_1])?;
    ip(&net.target, &[b"link", b"property", b"add", b"dev", b"ens3", b"altname", GARBAGE])?;
    ip(&net.tap, &[b"link", b"del", b"tap0"])?;
    ends_for_want_of_interface(capture)
}

/// When the socket is full, the kernel drops messages and says so.
fn a_deletion_among_too_many_messages_is_heard() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    capture.suspend()?;
    let dir = tempfile::tempdir()?;
    let batch = dir.path().join("batch");
    let change = "link set ens3 alias one\nlink set ens3 alias two\n";
    std::fs::write(&batch, change.repeat(4000) + "link del ens3\n")?;
    net.target.run(&format!("ip -batch {}", batch.display()))?;
    capture.signal(Signal::SIGCONT)?;
    ends_for_want_of_interface(capture)
}

fn vtap(namespace: &Namespace, name: &OsStr) -> Result<Output> {
    let mut command = namespace.command(&binary().display().to_string());
    Ok(command.args(["capture", "-i"]).arg(name).stdin(Stdio::null()).output()?)
}

fn an_unknown_name_is_shown_without_harm() -> Result<()> {
    let net = Net::new()?;
    let ended = vtap(&net.target, &OsString::from_vec(b"x\xff\x1b[2J\ny".to_vec()))?;
    let stderr = String::from_utf8(ended.stderr)?;
    ensure!(ended.status.code() == Some(1), "{}: {stderr}", ended.status);
    ensure!(stderr.contains(r"no interface `x\xff\u{1b}[2J\ny`"), "{stderr:?}");
    ensure!(stderr.contains("there are ") && stderr.contains("ens3"), "{stderr:?}");
    ensure!(stderr.lines().count() == 1, "{stderr:?}");
    Ok(())
}

/// Packets that a process writes do not come in polls of a driver, so they must not share a reading
/// of the clock. Whether the interface is such a one can't be seen in `/sys` here: it shows the
/// interfaces of another namespace.
fn times_of_a_tap_device_elsewhere() -> Result<()> {
    let work = thread::spawn(times_at_one_cpu);
    work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn times_at_one_cpu() -> Result<()> {
    let net = Net::new()?;
    let tap = Tun::new(&net.target, "tap7", Layer::Ethernet)?;
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{}", net.target.name)).arg(binary());
    command.args(["capture", "-i", "tap7", "-w", "x.pcapng"]);
    let capture = Capture::launch(command)?;
    // A reading is shared on one CPU, after a poll has ended there.
    let mut cpus = CpuSet::new();
    cpus.set(0)?;
    sched_setaffinity(Pid::this(), &cpus)?;
    Sender::new(&net.tap)?.send(&frames::icmp(0, &[]))?;
    let mut sent = Vec::new();
    for seq in 1..=100 {
        sleep(Duration::from_micros(200));
        sent.push(time_of_day()?);
        tap.send(&mirrored(7, &frames::icmp(seq, &[])))?;
    }
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == sent.len(), "{} packets", packets.len());
    for (packet, sent) in packets.iter().zip(sent) {
        // The two clocks are compared only now and then.
        let early = sent.saturating_sub(packet.time);
        ensure!(early < 100_000, "{early} ns before it was sent");
    }
    Ok(())
}

/// Whatever `/sys` shows: it is that of the namespace in which the tests run.
fn the_driver_is_that_of_this_namespace() -> Result<()> {
    let net = Net::new()?;
    let expected = match Wire::chosen()? {
        Wire::Veth => "veth",
        Wire::Virtio => "virtio_net",
    };
    let driver = net.target.enter(|| Ok(driver(&Name::new(TARGET_DEV.as_bytes()))?))?;
    ensure!(driver == expected, "it is {driver}");
    Ok(())
}

fn no_sys() -> Result<()> {
    let net = Net::new()?;
    let script = format!("umount -l /sys && exec {} capture -i ens3", binary().display());
    let mut command = net.target.command("unshare");
    let ended = command.args(["--mount", "sh", "-c", &script]).stdin(Stdio::null()).output()?;
    let stderr = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(1), "{}: {stderr}", ended.status);
    for words in ["/sys/devices/system/cpu/possible: No such file", "mount -t sysfs"] {
        ensure!(stderr.contains(words), "{stderr}");
    }
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none());
    Ok(())
}
