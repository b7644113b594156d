//! Inner packets whose headers are cut or contradict each other: selected, delivered, and counted as
//! damaged besides.

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::{Capture, Ended},
    file,
    frames::{self, mirrored, tagged, with_ipv4_options, with_ipv6_extensions},
    net::Net,
    sender::Sender,
};

crate::tests![cut_anywhere [], contradictions [], selected_by_what_is_left [],];

/// Offsets in an inner frame.
const IP: usize = 14;
const IPV4_PAYLOAD: usize = IP + 20;
const IPV6_PAYLOAD: usize = IP + 40;

/// Sends the inner frames, each in an intact tunnel, and returns what a capture made of them, having
/// checked that it delivered them as they are.
fn capture(net: &Net, inner: &[Vec<u8>], args: &[&str]) -> Result<Ended> {
    let capture = Capture::start(&net.target, &[args, &["-w", "x.pcap"]].concat())?;
    let outer: Vec<_> = inner.iter().map(|inner| mirrored(7, inner)).collect();
    Sender::new(&net.tap)?.send_all(&outer)?;
    let ended = capture.stop()?;
    ended.check()?;
    ended.check_reread(outer, args)?;
    Ok(ended)
}

fn check_counts(ended: &Ended, expected: &[(&str, usize)]) -> Result<()> {
    let total: usize = expected.iter().map(|(_, count)| count).sum();
    ensure!(ended.count("damaged.total") == total as u64, "not {total}: {}", ended.stats);
    for (header, count) in expected {
        let counted = ended.count(&format!("damaged.{header}"));
        ensure!(
            counted == *count as u64,
            "{header}: {counted} instead of {count}: {}",
            ended.stats
        );
    }
    ensure!(ended.count("malformed.total") == 0, "{}", ended.stats);
    Ok(())
}

fn cut_anywhere() -> Result<()> {
    let net = Net::new()?;
    let udp6 = frames::udp6((1, 2), &[0; 20]);
    let cases = [
        (frames::udp((1, 2), &[0; 20]), &[("ethernet", 14), ("ipv4", 20), ("transport", 8)][..]),
        (frames::tcp((1, 2), &[0; 20]), &[("ethernet", 14), ("ipv4", 20), ("transport", 20)]),
        (frames::icmp(1, &[0; 20]), &[("ethernet", 14), ("ipv4", 20), ("transport", 8)]),
        (
            with_ipv6_extensions(&udp6, &frames::EXTENSIONS[..2]),
            &[("ethernet", 14), ("ipv6", 40), ("ipv6_extension", 8 + 16), ("transport", 8)],
        ),
        (frames::sctp((1, 2)), &[("ethernet", 14), ("ipv4", 20), ("transport", 12)]),
        (frames::arp(), &[("ethernet", 14), ("arp", 28)]),
        (
            tagged(&udp6, &[(0x8100, 3)]),
            &[("ethernet", 14), ("vlan", 4), ("ipv6", 40), ("transport", 8)],
        ),
    ];
    for (whole, expected) in cases {
        let cut: Vec<_> = (0..=whole.len()).map(|len| whole[..len].to_vec()).collect();
        let ended = capture(&net, &cut, &[])?;
        check_counts(&ended, expected)?;
        ensure!(ended.count("delivered.packets") == cut.len() as u64, "{}", ended.stats);
        let packets = file::read(&ended.file("x.pcap"))?;
        let same = packets.iter().map(|packet| &packet.data).eq(&cut);
        ensure!(same, "not what was sent: {packets:02x?}");
    }
    Ok(())
}

fn with(frame: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame
}

fn contradictions() -> Result<()> {
    let net = Net::new()?;
    let udp = frames::udp((1, 2), &[0; 20]);
    let udp6 = frames::udp6((1, 2), &[0; 20]);
    let tcp = frames::tcp((1, 2), &[0; 20]);
    let hop_by_hop = with_ipv6_extensions(&udp6, &frames::EXTENSIONS[..1]);
    let tags = [(0x8100, 1); 5];
    let cases = [
        ("vlan", tagged(&udp, &tags)),
        // Another version than the EtherType says, and a header of 16 bytes.
        ("ipv4", with(&udp, IP, &[0x65])),
        ("ipv4", with(&udp, IP, &[0x44])),
        ("ipv6", with(&udp6, IP, &[0x40])),
        // The header is longer than the whole packet.
        ("ipv4", with(&udp, IP + 2, &[0, 19])),
        ("ipv4", with(&with_ipv4_options(&udp, &[1; 8]), IP + 2, &[0, 27])),
        ("ipv4", with(&udp, IP, &[0x4f])),
        // The extension header is longer than the packet, by its own length and by the packet's.
        ("ipv6_extension", with(&hop_by_hop, IPV6_PAYLOAD, &[59, 4])),
        ("ipv6_extension", with(&hop_by_hop, IP + 4, &[0, 7])),
        // The IP packet ends within the transport header.
        ("transport", with(&udp, IP + 2, &[0, 27])),
        ("transport", with(&udp6, IP + 4, &[0, 7])),
        ("transport", with(&tcp, IP + 2, &[0, 39])),
        ("transport", with(&frames::icmp(1, &[]), IP + 2, &[0, 27])),
        // UDP: shorter than its header, and one byte more than the packet holds.
        ("transport", with(&udp, IPV4_PAYLOAD + 4, &[0, 7])),
        ("transport", with(&udp, IPV4_PAYLOAD + 4, &[0, 0])),
        ("transport", with(&udp, IPV4_PAYLOAD + 4, &[0, 29])),
        ("transport", with(&udp6, IPV6_PAYLOAD + 4, &[0, 29])),
        // TCP: a header of 16 bytes, and one of 44 in a packet of 40.
        ("transport", with(&tcp, IPV4_PAYLOAD + 12, &[0x40])),
        ("transport", with(&tcp, IPV4_PAYLOAD + 12, &[0xb0])),
    ];
    let sound = [
        // Exactly as much as there is room for.
        with(&udp, IP + 2, &[0, 48]),
        with(&udp, IPV4_PAYLOAD + 4, &[0, 28]),
        with(&udp, IPV4_PAYLOAD + 4, &[0, 8]),
        with(&tcp, IPV4_PAYLOAD + 12, &[0xa0]),
        with(&hop_by_hop, IPV6_PAYLOAD, &[59, 3]),
        // A super-frame states no length.
        with(&with(&udp, IP + 2, &[0, 0]), IPV4_PAYLOAD + 4, &[0, 0]),
        // The first fragment states the length of the whole datagram.
        with(&with(&udp, IP + 6, &[0x20, 0]), IPV4_PAYLOAD + 4, &[0x20, 0]),
        // A tap cut the payload.
        udp[..udp.len() - 15].to_vec(),
        tcp[..tcp.len() - 20].to_vec(),
    ];
    for (header, frame) in cases {
        let ended = capture(&net, std::slice::from_ref(&frame), &[])?;
        let checked = check_counts(&ended, &[(header, 1)]);
        ensure!(checked.is_ok(), "{header}, {frame:02x?}: {checked:?}");
        ensure!(ended.count("delivered.packets") == 1, "{frame:02x?}: {}", ended.stats);
    }
    let ended = capture(&net, &sound, &[])?;
    check_counts(&ended, &[])?;
    ensure!(ended.count("delivered.packets") == sound.len() as u64, "{}", ended.stats);
    Ok(())
}

fn selected_by_what_is_left() -> Result<()> {
    let net = Net::new()?;
    let udp = frames::udp((53, 5353), &[0; 20]);
    let cut = |len: usize| udp[..len].to_vec();
    let inner = [
        cut(0),
        cut(IPV4_PAYLOAD - 1),
        cut(IPV4_PAYLOAD + 1),
        cut(IPV4_PAYLOAD + 3),
        cut(IPV4_PAYLOAD + 7),
        // The ports lie behind the end of the IP packet.
        with(&udp, IP + 2, &[0, 20]),
        frames::arp()[..IP + 20].to_vec(),
    ];
    let cases: [(&[&str], &[usize]); 9] = [
        (&[], &[0, 1, 2, 3, 4, 5, 6]),
        (&["--vni", "7"], &[0, 1, 2, 3, 4, 5, 6]),
        (&["--proto", "udp"], &[2, 3, 4, 5]),
        (&["--proto", "arp"], &[6]),
        (&["--src-port", "53"], &[3, 4]),
        (&["--dst-port", "5353"], &[4]),
        (&["--src", "10.0.0.5"], &[2, 3, 4, 5]),
        (&["--dst", "10.0.1.2"], &[2, 3, 4, 5]),
        (&["--rule", "exclude src-port 0-65535", "--rule", "include vni 7"], &[0, 1, 2, 5, 6]),
    ];
    for (args, places) in cases {
        let ended = capture(&net, &inner, args)?;
        ensure!(ended.count("damaged.total") == inner.len() as u64, "{}", ended.stats);
        let packets = file::read(&ended.file("x.pcap"))?;
        let place = |data: &Vec<u8>| inner.iter().position(|inner| inner == data);
        let seen: Vec<_> = packets.iter().filter_map(|packet| place(&packet.data)).collect();
        ensure!(seen == places, "{args:?} selects {seen:?}, not {places:?}");
    }
    Ok(())
}
