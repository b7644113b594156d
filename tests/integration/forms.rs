//! The forms in which taps send: outer frame, tunnel header, and what a tap did to the inner frame.

use std::{net::UdpSocket, time::Duration};

use anyhow::{Result, ensure};
use vtap_tests::{
    arrivals::arrive,
    capture::Capture,
    file,
    frames::{self, EXTENSIONS, FRAGMENTS6, mirrored, pattern, vxlan},
    need::Need,
    net::{Net, TARGET_DEV},
    sender::Sender,
};

use crate::delivery::check;

crate::tests![
    every_outer_form [],
    tags_that_the_sender_leaves_to_the_interface [Need::VlanDevices],
    outer_fragments_are_counted_and_reach_their_socket [],
    reserved_bits_mean_nothing [],
    generic_protocol_extension [],
    nested_tunnels_are_stripped_once [],
    cut_packets_keep_their_length [],
    every_kind_of_ip_in_a_tunnel_over_ipv6 [],
];

const V4: ([u8; 4], [u8; 4]) = ([192, 0, 2, 1], [203, 0, 113, 9]);
const V6: ([u8; 16], [u8; 16]) = (frames::SERVER6, frames::CLIENT6);
const GPE: u16 = 4790;

/// An IPv4 tunnel packet with a VXLAN header of any bits.
fn with_header(port: u16, header: [u8; 8], inner: &[u8]) -> Vec<u8> {
    frames::outer(V4, (1, port), &[&header, inner].concat())
}

fn every_outer_form() -> Result<()> {
    let net = Net::new()?;
    let inner = frames::udp((5, 6), &pattern(1, 77));
    let payload = vxlan(0x00ab_cdef, &inner);
    let plain = frames::outer(V4, (1, frames::VXLAN), &payload);
    let plain6 = frames::outer6(V6, (1, frames::VXLAN), &payload);
    let without_checksum = |frame: &[u8], at: usize| {
        let mut frame = frame.to_vec();
        frame[at..at + 2].fill(0);
        frame
    };
    let frames = [
        frames::tagged(&plain, &[(0x8100, 9)]),
        frames::tagged(&plain, &[(0x88a8, 8), (0x8100, 9)]),
        frames::tagged(&plain6, &[(0x88a8, 8), (0x8100, 9)]),
        frames::outer(V4, (1, 8472), &payload),
        // A broadcast, a multicast and a local address: the tap may have sent to a balancer's.
        frames::outer((V4.0, [255; 4]), (1, frames::VXLAN), &payload),
        frames::outer((V4.0, [239, 1, 1, 1]), (1, frames::VXLAN), &payload),
        frames::outer((V4.0, [10, 9, 0, 2]), (1, frames::VXLAN), &payload),
        // Padding, and a driver's trailer.
        [plain.clone(), vec![0xaa; 30]].concat(),
        without_checksum(&plain, 14 + 20 + 6),
        without_checksum(&plain6, 14 + 40 + 6),
        frames::with_ipv4_options(&plain, &[1, 1, 1, 0]),
        frames::with_ipv4_options(&plain, &[1; 40]),
        frames::with_ipv6_extensions(&plain6, &EXTENSIONS),
        // RFC 6946: a fragment header on a packet that is whole.
        frames::with_ipv6_extensions(&plain6, &[(44, &[0, 0, 0, 0, 0, 0, 0, 1])]),
        plain,
        plain6,
    ];
    let inner: Vec<_> = frames.iter().map(|_| inner.clone()).collect();
    for mode in ["native", "generic"] {
        let args = ["--port", "4789", "--port", "8472", "--xdp-mode", mode];
        check(&net, &args, &frames, &inner)?;
    }
    Ok(())
}

/// Such a tag travels beside the frame, as one does that the receiving interface has taken off.
fn tags_that_the_sender_leaves_to_the_interface() -> Result<()> {
    let net = Net::new()?;
    net.tap.run("ip link add link tap0 name tap0.5 type vlan id 5")?;
    net.tap.run("ip link set tap0.5 up")?;
    net.tap.run("ip addr add 10.8.0.1/24 dev tap0.5")?;
    net.tap.run("ip neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev tap0.5 nud permanent")?;
    let socket = net.tap.enter(|| Ok(UdpSocket::bind("10.8.0.1:0")?))?;
    let inner = frames::icmp(1, &pattern(1, 60));
    for mode in ["native", "generic"] {
        let args = ["-w", "x.pcapng", "--xdp-mode", mode];
        let capture = Capture::start(&net.target, &args)?;
        arrive(&net.tap, 1, || {
            socket.send_to(&vxlan(7, &inner), ("10.8.0.2", frames::VXLAN))?;
            Ok(())
        })?;
        let ended = capture.stop()?;
        ended.check()?;
        let packets = file::read(&ended.file("x.pcapng"))?;
        ensure!(packets.len() == 1 && packets[0].data == inner, "{mode}: {}", ended.stats);
    }
    Ok(())
}

/// RFC 7348 section 4.3 forbids them. vtap takes none for a whole packet, and the network stack
/// puts them together as ever.
fn outer_fragments_are_counted_and_reach_their_socket() -> Result<()> {
    let net = Net::new()?;
    let socket = net.target.enter(|| Ok(UdpSocket::bind(("0.0.0.0", frames::VXLAN))?))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let capture = Capture::start(&net.target, &["--verdict", "drop", "-w", "x.pcapng"])?;
    let payload = vxlan(7, &frames::udp((1, 2), &pattern(1, 1200)));
    let addresses = ([10, 9, 0, 1], [10, 9, 0, 2]);
    let mut whole = frames::outer(addresses, (1, frames::VXLAN), &payload);
    whole[..6].copy_from_slice(&net.target.mac(TARGET_DEV)?);
    let sender = Sender::new(&net.tap)?;
    sender.send_all(frames::ipv4_fragments(&whole))?;
    let mut buffer = [0; 2048];
    let received = socket.recv(&mut buffer)?;
    ensure!(buffer[..received] == payload, "{received} bytes arrived");
    // The first one carries the ports; of the others nothing tells that they are a tunnel's.
    let whole6 = frames::outer6(V6, (1, frames::VXLAN), &payload);
    sender.send_all(FRAGMENTS6.map(|kind| frames::with_ipv6_extensions(&whole6, &[kind])))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("malformed.outer_fragment") == 2, "{}", ended.stats);
    ensure!(ended.count("not_tunnel") == 2 && ended.count("matched.packets") == 0);
    Ok(())
}

fn reserved_bits_mean_nothing() -> Result<()> {
    let net = Net::new()?;
    let inner = frames::tcp((5, 6), &pattern(1, 33));
    let headers = [
        // All reserved bits; Group Based Policy with its identifier; what a GPE header would say
        // of NSH and of IPv4, on a port that is read as RFC 7348 has it.
        [0xff, 0xff, 0xff, 0xff, 0, 0, 7, 0xff],
        [0x88, 0x48, 0, 100, 0, 0, 7, 0],
        [0x0c, 0, 0, 4, 0, 0, 7, 0],
        [0x0c, 0, 0, 1, 0, 0, 7, 0],
    ];
    let mut frames = headers.map(|header| with_header(frames::VXLAN, header, &inner)).to_vec();
    frames.push(with_header(GPE, headers[2], &inner));
    let inner: Vec<_> = frames.iter().map(|_| inner.clone()).collect();
    check(&net, &["--port", "4789", "--port", "4790=vxlan", "--vni", "7"], &frames, &inner)?;

    let capture = Capture::start(&net.target, &["--no-print"])?;
    let without_flag = [0xf7, 0xff, 0xff, 0xff, 0, 0, 7, 0xff];
    Sender::new(&net.tap)?.send(&with_header(frames::VXLAN, without_flag, &inner[0]))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("malformed.vxlan_flags") == 1, "{}", ended.stats);
    Ok(())
}

/// draft-ietf-nvo3-vxlan-gpe: the header says what the payload is.
fn generic_protocol_extension() -> Result<()> {
    const ETHERNET: i32 = 1;
    const RAW_IP: i32 = 101;
    let net = Net::new()?;
    let (frame, frame6) = (frames::udp((5, 6), b"four"), frames::udp6((5, 6), b"six"));
    let with = |port: u16, next: u8, inner: &[u8]| {
        with_header(port, [0x0c, 0, 0, next, 0, 0, 9, 0], inner)
    };
    let args = ["--port", "4790", "--port", "4789=gpe", "-w", "x.pcapng", "--print"];
    let capture = Capture::start(&net.target, &args)?;
    let sender = Sender::new(&net.tap)?;
    for port in [GPE, frames::VXLAN] {
        sender.send_all([
            with(port, 1, &frame[14..]),
            with(port, 2, &frame6[14..]),
            with(port, 3, &frame),
            // Without the P flag it is a plain VXLAN header.
            with_header(port, [0x08, 0, 0, 1, 0, 0, 9, 0], &frame),
        ])?;
        // NSH, MPLS and a number that is not assigned are none of the three.
        sender.send_all([4, 5, 0x7f].map(|next| with(port, next, &frame)))?;
    }
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("malformed.gpe_protocol") == 6, "{}", ended.stats);
    let packets = file::read(&ended.file("x.pcapng"))?;
    let seen: Vec<_> = packets.iter().map(|packet| (packet.link, &packet.data[..])).collect();
    let once = [
        (RAW_IP, &frame[14..]),
        (RAW_IP, &frame6[14..]),
        (ETHERNET, &frame[..]),
        (ETHERNET, &frame[..]),
    ];
    ensure!(seen == once.repeat(2), "{packets:02x?}");
    let shown: Vec<_> = ended.stdout.lines().filter_map(|line| line.get(16..)).collect();
    let v4 = "vni 9 IP 10.0.0.5.5 > 10.0.1.2.6: UDP, length 4";
    let v6 = "vni 9 IP6 2001:db8::5.5 > 2001:db8:1::2.6: UDP, length 3";
    ensure!(shown == [v4, v6, v4, v4].repeat(2), "{shown:#?}");
    Ok(())
}

fn nested_tunnels_are_stripped_once() -> Result<()> {
    let net = Net::new()?;
    let innermost = frames::icmp(1, &[]);
    let inner = mirrored(8, &innermost);
    check(&net, &[], &[mirrored(7, &inner)], std::slice::from_ref(&inner))?;
    let capture = Capture::start(&net.target, &[])?;
    Sender::new(&net.tap)?.send(&mirrored(7, &inner))?;
    let ended = capture.stop()?;
    ended.check()?;
    for part in ["vni 7 IP 10.0.1.2.49152 > 10.9.0.2.4789: VXLAN", "vni 8", "echo request"] {
        ensure!(ended.stdout.contains(part), "{}", ended.stdout);
    }
    Ok(())
}

/// A tap that cuts leaves the lengths in the inner headers as they were.
fn cut_packets_keep_their_length() -> Result<()> {
    let net = Net::new()?;
    let udp = frames::udp((1, 2), &pattern(1, 1000));
    let tcp6 = frames::with_ipv6_extensions(&frames::tcp6((1, 2), &pattern(2, 900)), &EXTENSIONS);
    let tagged = frames::tagged(&udp, &[(0x88a8, 8), (0x8100, 9)]);
    let later = frames::ipv4_fragments(&udp)[1].clone();
    // Nothing in it tells how long it was.
    let unknown = frames::ethernet(0x88b5, &pattern(3, 500));
    let whole = [udp, tcp6, tagged, later, unknown.clone()];
    let capture = Capture::start(&net.target, &["-w", "x.pcapng"])?;
    Sender::new(&net.tap)?.send_all(whole.iter().map(|inner| mirrored(7, &inner[..128])))?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == whole.len(), "{}", ended.stats);
    for (packet, inner) in packets.iter().zip(&whole) {
        ensure!(packet.data == inner[..128]);
        let told = if *inner == unknown { 128 } else { inner.len() };
        ensure!(packet.wirelen as usize == told, "{} for {told}", packet.wirelen);
    }
    let bytes: u64 = packets.iter().map(|packet| u64::from(packet.wirelen)).sum();
    ensure!(ended.count("matched.bytes") == bytes && ended.count("delivered.bytes") == bytes);
    Ok(())
}

fn every_kind_of_ip_in_a_tunnel_over_ipv6() -> Result<()> {
    let net = Net::new()?;
    let inner = frames::assortment();
    let frames: Vec<_> = inner
        .iter()
        .map(|inner| frames::outer6(V6, (1, frames::VXLAN), &vxlan(7, inner)))
        .filter(|frame| frame.len() <= 1514)
        .collect();
    ensure!(frames.len() == inner.len());
    check(&net, &[], &frames, &inner)
}
