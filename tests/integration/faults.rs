//! What goes wrong around a capture.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use nix::{
    sys::time::{TimeSpec, TimeValLike as _},
    time::{ClockId, clock_gettime, clock_settime},
};
use vtap_tests::{
    capture::{Capture, Ended, wait_until},
    file,
    frames::{self, mirrored},
    need::Need,
    net::{Net, TAP_DEV, TARGET_DEV},
    sender::Sender,
};

crate::tests![
    interface_goes_down_and_up [],
    interface_changes_its_mtu [],
    interface_is_renamed [],
    interface_is_deleted [Need::Veth],
    interface_moves_away [],
    other_end_goes_with_its_namespace [Need::Veth],
    namespace_loses_its_name [],
    disk_fills [],
    pipe_of_packets_is_closed [],
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

/// Sends until one more packet arrives, and stops.
fn goes_on(net: &Net, capture: Capture) -> Result<Ended> {
    let before = capture.printed()?.lines().count();
    wait_until("another packet", || {
        // Refused while the interface is not up again.
        let _ = send(net);
        Ok(capture.printed()?.lines().count() > before)
    })?;
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

fn interface_goes_down_and_up() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    net.target.run("ip link set ens3 down")?;
    net.target.run("ip link set ens3 up")?;
    let ended = goes_on(&net, capture)?;
    for word in ["ens3 is down", "ens3 is up again"] {
        ensure!(ended.stderr.contains(word), "{}", ended.stderr);
    }
    Ok(())
}

fn interface_changes_its_mtu() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    for mtu in [1280, 3000] {
        net.target.run(&format!("ip link set ens3 mtu {mtu}"))?;
        net.tap.run(&format!("ip link set {TAP_DEV} mtu {mtu}"))?;
    }
    goes_on(&net, capture).map(drop)
}

fn interface_is_renamed() -> Result<()> {
    let net = Net::new()?;
    let capture = capture(&net)?;
    // Older kernels rename only what is down.
    net.target.run("ip link set ens3 down")?;
    net.target.run("ip link set ens3 name other0")?;
    net.target.run("ip link set other0 up")?;
    let ended = goes_on(&net, capture)?;
    ensure!(ended.stderr.contains("ens3 is now called other0"), "{}", ended.stderr);
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
    goes_on(&net, capture).map(drop)
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

fn pipe_of_packets_is_closed() -> Result<()> {
    let net = Net::new()?;
    let script = format!(
        "{} capture -i ens3 -w - | head -c 10000 >head",
        vtap_tests::capture::binary().display()
    );
    let dir = tempfile::tempdir()?;
    let mut shell = net.target.command("sh");
    let shell = shell.args(["-c", &script]).current_dir(dir.path());
    let mut shell = shell.stderr(std::process::Stdio::null()).spawn()?;
    wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
    wait_until("the end", || {
        send(&net)?;
        Ok(shell.try_wait()?.is_some())
    })?;
    wait_until("detachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_none()))?;
    ensure!(fs::metadata(dir.path().join("head"))?.len() == 10_000);
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

/// Nanoseconds since 1970.
fn time_of_day() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64)
}

fn step_time_of_day(seconds: i64) -> Result<()> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    Ok(clock_settime(ClockId::CLOCK_REALTIME, now + TimeSpec::seconds(seconds))?)
}
