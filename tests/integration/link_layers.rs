//! Interfaces whose frames do not begin with an Ethernet header.

use std::net::UdpSocket;

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::{Capture, run, wait_until},
    file,
    frames::{self, mirrored},
    need::{Need, kernel_version},
    net::Net,
    tun::{Layer, Tun},
};

crate::tests![
    packets_of_a_tun_device[Need::TunDevices],
    packets_of_a_tap_device[Need::TunDevices],
    other_link_types_are_refused[Need::TunDevices],
    packets_of_ip_tunnels[Need::IpTunnels],
];

const ETHERNET: usize = 14;

/// Tunnels over IPv4 and IPv6, and among them what is no tunnel's and what is no packet.
fn packets_of_a_tun_device() -> Result<()> {
    let net = Net::new()?;
    let tun = Tun::new(&net.target, "tun7", Layer::Ip)?;
    let capture = Capture::start_at(&net.target, "tun7", &["-w", "x.pcapng"])?;
    let inner: Vec<_> = (1..=3).map(|seq| frames::icmp(seq, &frames::pattern(1, 400))).collect();
    let v6 = ([0xfd; 16], [0xfe; 16]);
    let carriers = [
        mirrored(7, &inner[0]),
        frames::outer6(v6, (1, frames::VXLAN), &frames::vxlan(8, &inner[1])),
        frames::outer(([10, 0, 1, 2], [10, 9, 0, 2]), (1, 53), &inner[0]),
        mirrored(7, &inner[2]),
    ];
    for frame in &carriers {
        tun.send(&frame[ETHERNET..])?;
    }
    // Bytes that are no IP header.
    tun.send(&[0x42; 40])?;
    tun.send(&[0x60])?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 3 && ended.count("tunnel") == 3, "{}", ended.stats);
    ensure!(ended.stats["by_vni"] == serde_json::json!({"7": 2, "8": 1}), "{}", ended.stats);
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.iter().map(|packet| &packet.data).eq(&inner), "{packets:?}");
    Ok(())
}

fn packets_of_a_tap_device() -> Result<()> {
    let net = Net::new()?;
    let tap = Tun::new(&net.target, "tap7", Layer::Ethernet)?;
    let capture = Capture::start_at(&net.target, "tap7", &["--no-print"])?;
    tap.send(&mirrored(7, &frames::icmp(1, &[])))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 1, "{}", ended.stats);
    Ok(())
}

/// vtap would take other bytes of such frames for addresses and ports.
fn other_link_types_are_refused() -> Result<()> {
    for (link_type, words) in [
        (libc::ARPHRD_INFINIBAND, "an InfiniBand header"),
        (libc::ARPHRD_IEEE80211_RADIOTAP, "an IEEE 802.11 header (monitor mode)"),
        (libc::ARPHRD_FDDI, "a header of link type 774"),
    ] {
        let net = Net::new()?;
        let _tun = Tun::new(&net.target, "other7", Layer::As(link_type))?;
        let ended = run(&net.target, &["capture", "-i", "other7"])?;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.code() == Some(1), "{}: {stderr}", ended.status);
        let words = format!("cannot capture on other7: its frames begin with {words}, and");
        ensure!(stderr.contains(&words), "{stderr}");
        ensure!(net.target.xdp_program("other7")?.is_none());
    }
    Ok(())
}

/// What was sent through each arrives as it was; or the capture is refused, as it is where the
/// kernel does not say where the inner packet begins.
fn packets_of_ip_tunnels() -> Result<()> {
    for kind in ["ipip", "gre"] {
        let net = Net::new()?;
        for (namespace, local, remote) in [(&net.tap, 1, 2), (&net.target, 2, 1)] {
            namespace.run(&format!(
                "ip link add ipt9 type {kind} local 10.9.0.{local} remote 10.9.0.{remote}"
            ))?;
            namespace.run("ip link set ipt9 up")?;
            namespace.run(&format!("ip addr add 192.168.9.{local}/24 dev ipt9"))?;
        }
        if kernel_version()? < (5, 14) {
            let ended = run(&net.target, &["capture", "-i", "ipt9"])?;
            let stderr = String::from_utf8_lossy(&ended.stderr);
            ensure!(stderr.contains("before Linux 5.14"), "{kind}: {stderr}");
            continue;
        }
        let capture = Capture::start_at(&net.target, "ipt9", &[])?;
        let payload = frames::vxlan(7, &frames::icmp(1, &[]));
        let sender = net.tap.enter(|| Ok(UdpSocket::bind(("0.0.0.0", 0))?))?;
        for _ in 0..3 {
            sender.send_to(&payload, ("192.168.9.2", frames::VXLAN))?;
        }
        wait_until("packets through the tunnel", || Ok(capture.printed()?.lines().count() == 3))?;
        let ended = capture.stop()?;
        ended.check()?;
        ensure!(ended.count("delivered.packets") == 3, "{kind}: {}", ended.stats);
    }
    Ok(())
}
