//! What becomes of packets after vtap has looked at them.

use std::{net::UdpSocket, time::Duration};

use anyhow::{Context as _, Result, ensure};
use vtap_tests::{
    capture::Capture,
    frames::{self, mirrored},
    net::{Namespace, Net, TARGET_ADDR, TARGET_DEV},
    sender::Sender,
};

crate::tests![
    auto_drops_where_nobody_listens [],
    auto_passes_to_a_socket [],
    auto_passes_to_a_vxlan_device [],
    as_asked [],
    other_traffic_arrives_untouched [],
    malformed_packets_pass [],
];

fn socket(target: &Namespace, port: u16) -> Result<UdpSocket> {
    let socket = target.enter(move || Ok(UdpSocket::bind(("0.0.0.0", port))?))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(socket)
}

/// Whether something is there already.
fn has_received(socket: &UdpSocket) -> Result<bool> {
    socket.set_nonblocking(true)?;
    let received = receives(socket).is_some();
    socket.set_nonblocking(false)?;
    Ok(received)
}

/// What is there, or comes soon.
fn receives(socket: &UdpSocket) -> Option<Vec<u8>> {
    let mut buffer = [0; 2048];
    socket.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec())
}

/// A datagram to the target's own address, with its own MAC address, so that it accepts it.
fn to_target(net: &Net, port: u16, payload: &[u8]) -> Result<Vec<u8>> {
    let mut frame = frames::outer(([10, 9, 0, 1], [10, 9, 0, 2]), (1, port), payload);
    frame[..6].copy_from_slice(&net.target.mac(TARGET_DEV)?);
    Ok(frame)
}

/// Datagrams that reached the target's stack, and had no socket there.
fn without_socket(target: &Namespace) -> Result<u64> {
    let counters = target.output("cat /proc/net/snmp")?;
    let mut udp = counters.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = udp.next().zip(udp.next()).context("no counters of UDP")?;
    let mut counters = names.split(' ').zip(values.split(' '));
    let count = counters.find(|(name, _)| *name == "NoPorts").context("no NoPorts")?.1;
    Ok(count.parse()?)
}

fn auto_drops_where_nobody_listens() -> Result<()> {
    let net = Net::new()?;
    let payload = frames::vxlan(7, &frames::icmp(1, &[]));
    let frame = to_target(&net, frames::VXLAN, &payload)?;
    for (asked, verdict, arrive) in [("auto", "drop", 0), ("pass", "pass", 1)] {
        let capture = Capture::start(&net.target, &["--no-print", "--verdict", asked])?;
        ensure!(capture.announcement().contains(verdict), "{}", capture.announcement());
        let before = without_socket(&net.target)?;
        Sender::new(&net.tap)?.send(&frame)?;
        let ended = capture.stop()?;
        ended.check()?;
        ensure!(ended.stats["verdict"] == verdict && ended.count("delivered.packets") == 1);
        let arrived = without_socket(&net.target)? - before;
        ensure!(arrived == arrive, "{asked}: {arrived} arrived");
    }
    Ok(())
}

fn auto_passes_to_a_socket() -> Result<()> {
    let net = Net::new()?;
    let socket = socket(&net.target, frames::VXLAN)?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    ensure!(capture.announcement().contains("pass (a socket"), "{}", capture.announcement());
    let payload = frames::vxlan(7, &frames::icmp(1, &[]));
    Sender::new(&net.tap)?.send(&to_target(&net, frames::VXLAN, &payload)?)?;
    ensure!(receives(&socket) == Some(payload));
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.stats["verdict"] == "pass" && ended.count("delivered.packets") == 1);
    Ok(())
}

fn auto_passes_to_a_vxlan_device() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link add vx7 type vxlan id 7 dstport 4789")?;
    net.target.run("ip link set vx7 up")?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    ensure!(capture.announcement().contains("VXLAN device vx7"), "{}", capture.announcement());
    let payload = frames::vxlan(7, &frames::icmp(1, &[]));
    Sender::new(&net.tap)?.send(&to_target(&net, frames::VXLAN, &payload)?)?;
    capture.stop()?.check()?;
    let received = net.target.output("cat /sys/class/net/vx7/statistics/rx_packets")?;
    ensure!(received.trim() == "1", "the VXLAN device received {received}");
    Ok(())
}

fn as_asked() -> Result<()> {
    let net = Net::new()?;
    let socket = socket(&net.target, frames::VXLAN)?;
    let sender = Sender::new(&net.tap)?;
    let payload = frames::vxlan(7, &frames::icmp(1, &[]));
    let frame = to_target(&net, frames::VXLAN, &payload)?;
    for (verdict, arrives) in [("drop", false), ("pass", true)] {
        // The verdict is the same for packets that are selected and that are not.
        for selection in ["7", "8"] {
            let args = ["--no-print", "--verdict", verdict, "--vni", selection];
            let capture = Capture::start(&net.target, &args)?;
            sender.send(&frame)?;
            ensure!(has_received(&socket)? == arrives, "{args:?}");
            let ended = capture.stop()?;
            ended.check()?;
            ensure!(ended.stats["verdict"] == verdict);
        }
    }
    Ok(())
}

fn other_traffic_arrives_untouched() -> Result<()> {
    let net = Net::new()?;
    let receiver = socket(&net.target, 5000)?;
    let capture = Capture::start(&net.target, &["--verdict", "drop", "--no-print"])?;
    let sender = net.tap.enter(|| Ok(UdpSocket::bind(("0.0.0.0", 0))?))?;
    sender.connect((TARGET_ADDR, 5000))?;
    for number in 0..1000_u32 {
        let payload = frames::pattern(number, 1 + number as usize % 1400);
        sender.send(&payload)?;
        ensure!(receives(&receiver) == Some(payload), "datagram {number}");
    }
    net.tap.run(&format!("ping -c 3 -i 0.05 -W 1 {TARGET_ADDR}"))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("tunnel") == 0 && ended.count("not_tunnel") >= 1003);
    Ok(())
}

fn malformed_packets_pass() -> Result<()> {
    let net = Net::new()?;
    let socket = socket(&net.target, frames::VXLAN)?;
    let capture = Capture::start(&net.target, &["--verdict", "drop", "--no-print"])?;
    let sender = Sender::new(&net.tap)?;
    let without_flag = [vec![0; 8], frames::icmp(1, &[])].concat();
    for payload in [without_flag, vec![8, 0, 0]] {
        sender.send(&to_target(&net, frames::VXLAN, &payload)?)?;
        ensure!(receives(&socket) == Some(payload));
    }
    sender.send(&mirrored(7, &frames::icmp(1, &[])))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("malformed.total") == 2 && ended.count("matched.packets") == 1);
    Ok(())
}
