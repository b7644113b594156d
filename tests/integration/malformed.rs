//! Datagrams to a tap port whose tunnel headers are cut or wrong are counted by their reason.

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
        // Whatever is behind the tunnel header is captured as far as it goes. The outer UDP length
        // tells how long it was.
        ("matched.packets", whole.len() - VXLAN + 1),
        ("matched.bytes", (whole.len() - VXLAN + 1) * (whole.len() - VXLAN)),
        // Ethernet, IPv4, and UDP.
        ("damaged.total", 14 + 20 + 8),
    ] {
        ensure!(ended.count(name) == count as u64, "{name} is not {count}: {}", ended.stats);
    }
    ended.check_reread(frames, &[])
}

fn wrong_in_one_place() -> Result<()> {
    let net = Net::new()?;
    let sender = Sender::new(&net.tap)?;
    let whole = mirrored(7, &frames::udp((1, 2), &[0; 20]));
    let with = |at: usize, bytes: &[u8]| {
        let mut frame = whole.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        frame
    };
    for (reason, frame) in [
        ("udp_length", with(OUTER_PORTS, &[0, 7])),
        ("udp_length", with(OUTER_PORTS, &[0, 0])),
        ("outer_fragment", with(14 + 6, &[0x20, 0])),
        ("vxlan_flags", with(OUTER_UDP, &[0xf7])),
        // One byte less than the UDP length says, and less than its own header.
        ("udp_length", with(14 + 2, &[0, 97])),
        ("udp_length", with(14 + 2, &[0, 19])),
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
