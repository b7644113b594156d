//! Frames that are cut or wrong are counted by their reason.

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::Capture,
    frames::{self, mirrored},
    net::Net,
    sender::Sender,
};

crate::tests![cut_anywhere [], wrong_in_one_place [],];

/// Lengths of the headers of `mirrored(_, udp(…))`.
const OUTER_PORTS: usize = 14 + 20 + 4;
const OUTER_UDP: usize = 14 + 20 + 8;
const VXLAN: usize = OUTER_UDP + 8;
const INNER_ETHERNET: usize = VXLAN + 14;
const INNER_IPV4: usize = INNER_ETHERNET + 20;
const INNER_PORTS: usize = INNER_IPV4 + 4;

fn cut_anywhere() -> Result<()> {
    let net = Net::new()?;
    let whole = mirrored(7, &frames::udp((1, 2), &frames::pattern(1, 50)));
    let capture = Capture::start(&net.target, &["--no-print"])?;
    let frames = (14..=whole.len()).map(|len| whole[..len].to_vec());
    Sender::new(&net.tap)?.send_all(frames.clone())?;
    let ended = capture.stop()?;
    ended.check()?;
    for (name, count) in [
        // Before the ports nothing tells that it is a tunnel's.
        ("not_tunnel", OUTER_PORTS - 14),
        ("malformed.udp_header", OUTER_UDP - OUTER_PORTS),
        ("malformed.vxlan_header", VXLAN - OUTER_UDP),
        ("malformed.inner_ethernet", INNER_ETHERNET - VXLAN),
        ("malformed.inner_ipv4", INNER_IPV4 - INNER_ETHERNET),
        ("malformed.inner_transport", INNER_PORTS - INNER_IPV4),
        // What is cut behind them is captured as far as it goes, with its true length.
        ("matched.packets", whole.len() - INNER_PORTS + 1),
        ("matched.bytes", (whole.len() - INNER_PORTS + 1) * (whole.len() - VXLAN)),
    ] {
        ensure!(ended.count(name) == count as u64, "{name} is not {count}: {}", ended.stats);
    }
    ended.check_reread(frames, &[])
}

fn wrong_in_one_place() -> Result<()> {
    let net = Net::new()?;
    let sender = Sender::new(&net.tap)?;
    let udp = frames::udp((1, 2), &[0; 20]);
    let udp6 = frames::udp6((1, 2), &[0; 20]);
    let changed = |frame: &[u8], at: usize, bytes: &[u8]| {
        let mut frame = frame.to_vec();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        mirrored(7, &frame)
    };
    let whole = mirrored(7, &udp);
    let with = |at: usize, bytes: &[u8]| {
        let mut frame = whole.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    let tags = [(0x8100, 1); 5];
    for (reason, frame) in [
        ("udp_length", with(OUTER_PORTS, &[0, 7])),
        ("udp_length", with(OUTER_PORTS, &[0, 0])),
        ("outer_fragment", with(14 + 6, &[0x20, 0])),
        ("vxlan_flags", with(OUTER_UDP, &[0xf7])),
        ("inner_ipv4", changed(&udp, 14, &[0x65])),
        ("inner_ipv4", changed(&udp, 14, &[0x44])),
        ("inner_ipv4", changed(&udp[..14 + 30], 14, &[0x4f])),
        ("inner_ipv6", changed(&udp6, 14, &[0x40])),
        ("inner_ipv6", mirrored(7, &udp6[..14 + 39])),
        ("inner_vlan", mirrored(7, &frames::tagged(&udp, &tags))),
        ("inner_vlan", mirrored(7, &frames::tagged(&udp, &tags[..1])[..17])),
        ("inner_arp", mirrored(7, &frames::arp()[..14 + 27])),
        ("inner_ipv6_extension", changed(&udp6[..14 + 44], 14 + 6, &[0])),
    ] {
        let capture = Capture::start(&net.target, &["--no-print"])?;
        sender.send(&frame)?;
        let ended = capture.stop()?;
        ended.check()?;
        let counted = ended.count(&format!("malformed.{reason}"));
        ensure!(counted == 1, "{reason} is not counted for {frame:02x?}: {}", ended.stats);
        ended.check_reread([frame], &[])?;
    }
    Ok(())
}
