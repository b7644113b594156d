//! Frames for other hardware addresses.

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Capture, binary, wait_until},
    frames::{self, mirrored},
    need::Need,
    net::{Namespace, Net, TARGET_DEV},
    sender::Sender,
};

crate::tests![
    multicast_reaches_a_macvlan [Need::MacvlanDevices],
    frames_for_others_reach_a_bridge [Need::Bridges],
    it_ends_with_the_capture [],
    not_where_it_is_not_wanted [Need::Bridges],
    refused_it_goes_on ["setpriv"],
];

const MULTICAST: [u8; 6] = [0x01, 0x00, 0x5e, 0x01, 0x01, 0x01];
const ANOTHER: [u8; 6] = [0x02, 0, 0, 0, 0, 0x77];

/// Sends three mirrored packets to a hardware address.
fn send_to(net: &Net, address: [u8; 6]) -> Result<()> {
    let frame = |seq| {
        let mut frame = mirrored(7, &frames::icmp(seq, &[]));
        frame[..6].copy_from_slice(&address);
        frame
    };
    Sender::new(&net.tap)?.send_all((1..=3).map(frame))
}

/// How many have asked the kernel for promiscuous mode.
fn promiscuity(namespace: &Namespace, dev: &str) -> Result<u64> {
    let links = namespace.output(&format!("ip -json -details link show dev {dev}"))?;
    let links: serde_json::Value = serde_json::from_str(&links)?;
    links[0]["promiscuity"].as_u64().context("ip does not tell")
}

fn multicast_reaches_a_macvlan() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link add mv0 link ens3 type macvlan mode bridge")?;
    net.target.run("ip link set mv0 up")?;
    let capture = Capture::start_at(&net.target, "mv0", &[])?;
    send_to(&net, MULTICAST)?;
    // Such frames wait for a thread of the kernel.
    wait_until("all lines", || Ok(capture.printed()?.lines().count() == 3))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 3, "{}", ended.stats);
    Ok(())
}

/// A bridge that forwards what comes in at the target's interface.
fn bridge(net: &Net) -> Result<()> {
    net.target.run("ip link add br0 type bridge forward_delay 0")?;
    net.target.run("ip link set ens3 master br0")?;
    net.target.run("ip link set br0 up")?;
    wait_until("the bridge to forward", || {
        let port = net.target.output("ip -json -details link show dev ens3")?;
        Ok(port.contains("\"state\":\"forwarding\""))
    })
}

fn frames_for_others_reach_a_bridge() -> Result<()> {
    let net = Net::new()?;
    bridge(&net)?;
    let capture = Capture::start_at(&net.target, "br0", &["--no-print"])?;
    send_to(&net, ANOTHER)?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 3, "{}", ended.stats);
    Ok(())
}

/// However it ends.
fn it_ends_with_the_capture() -> Result<()> {
    let net = Net::new()?;
    let before = promiscuity(&net.target, TARGET_DEV)?;
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let capture = Capture::start(&net.target, &["--no-print"])?;
        ensure!(promiscuity(&net.target, TARGET_DEV)? == before + 1);
        capture.signal(signal)?;
        capture.wait()?;
        wait_until("promiscuous mode to end", || {
            Ok(promiscuity(&net.target, TARGET_DEV)? == before)
        })?;
    }
    Ok(())
}

fn not_where_it_is_not_wanted() -> Result<()> {
    let net = Net::new()?;
    bridge(&net)?;
    for flag in ["-p", "--no-promiscuous-mode"] {
        let capture = Capture::start_at(&net.target, "br0", &["--no-print", flag])?;
        ensure!(promiscuity(&net.target, "br0")? == 0, "{flag}");
        send_to(&net, ANOTHER)?;
        let ended = capture.stop()?;
        ended.check()?;
        ensure!(ended.count("delivered.packets") == 0, "{flag}: {}", ended.stats);
    }
    Ok(())
}

/// It takes a capability that attaching does not take.
fn refused_it_goes_on() -> Result<()> {
    let net = Net::new()?;
    let mut command = net.target.command("setpriv");
    command.args(["--bounding-set", "-net_raw"]).arg(binary());
    command.args(["capture", "-i", TARGET_DEV, "--no-print"]);
    let capture = Capture::launch(command)?;
    send_to(&net, ANOTHER)?;
    let ended = capture.stop()?;
    ended.check()?;
    let words = "cannot put ens3 into promiscuous mode (Operation not permitted";
    ensure!(ended.stderr.contains(words), "{}", ended.stderr);
    ensure!(ended.count("delivered.packets") == 3, "{}", ended.stats);
    Ok(())
}
