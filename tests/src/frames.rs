//! Frames, built by etherparse.

use etherparse::{
    EtherType, Ethernet2Header, IcmpEchoHeader, Icmpv4Type, Icmpv6Type, IpNumber, PacketBuilder,
    TcpHeader, VlanId,
};

/// Source and destination of every Ethernet header here.
const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
/// The usual tap port.
pub const VXLAN: u16 = 4789;

/// An inner frame's addresses unless a test needs others.
pub const CLIENT: [u8; 4] = [10, 0, 0, 5];
/// The server of the tutorial.
pub const SERVER: [u8; 4] = [10, 0, 1, 2];
/// The same hosts with IPv6.
pub const CLIENT6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
/// The same hosts with IPv6.
pub const SERVER6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn written(build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut frame = Vec::new();
    build(&mut frame);
    frame
}

/// IPv4 UDP.
#[must_use]
pub fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(CLIENT, SERVER, 64);
    written(|out| builder.udp(ports.0, ports.1).write(out, payload).unwrap())
}

/// IPv4 TCP.
#[must_use]
pub fn tcp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(CLIENT, SERVER, 64);
    let header = TcpHeader::new(ports.0, ports.1, 1000, 500);
    written(|out| builder.tcp_header(header).write(out, payload).unwrap())
}

/// IPv4 ICMP echo request.
#[must_use]
pub fn icmp(seq: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(CLIENT, SERVER, 64);
    let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: 1, seq });
    written(|out| builder.icmpv4(echo).write(out, payload).unwrap())
}

/// IPv6 UDP.
#[must_use]
pub fn udp6(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv6(CLIENT6, SERVER6, 64);
    written(|out| builder.udp(ports.0, ports.1).write(out, payload).unwrap())
}

/// IPv6 TCP.
#[must_use]
pub fn tcp6(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv6(CLIENT6, SERVER6, 64);
    written(|out| builder.tcp(ports.0, ports.1, 7, 64_000).write(out, payload).unwrap())
}

/// ICMPv6 echo request.
#[must_use]
pub fn icmp6(seq: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv6(CLIENT6, SERVER6, 64);
    let echo = Icmpv6Type::EchoRequest(IcmpEchoHeader { id: 1, seq });
    written(|out| builder.icmpv6(echo).write(out, payload).unwrap())
}

/// IPv4 with any protocol number.
#[must_use]
pub fn ip_protocol(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(CLIENT, SERVER, 64);
    written(|out| builder.write(out, IpNumber(protocol), payload).unwrap())
}

/// SCTP's common header and an empty chunk list.
#[must_use]
pub fn sctp(ports: (u16, u16)) -> Vec<u8> {
    let mut header = [0; 12];
    header[..2].copy_from_slice(&ports.0.to_be_bytes());
    header[2..4].copy_from_slice(&ports.1.to_be_bytes());
    ip_protocol(132, &header)
}

/// ARP request of the client for the server.
#[must_use]
pub fn arp() -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend(MACS.0);
    packet.extend(CLIENT);
    packet.extend([0; 6]);
    packet.extend(SERVER);
    ethernet(0x0806, &packet)
}

/// Any payload under any `EtherType`.
#[must_use]
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let header =
        Ethernet2Header { source: MACS.0, destination: MACS.1, ether_type: EtherType(ether_type) };
    let mut frame = header.to_bytes().to_vec();
    frame.extend(payload);
    frame
}

/// Puts 802.1Q or 802.1ad tags (type and VLAN) into a frame, outermost first.
#[must_use]
pub fn tagged(frame: &[u8], tags: &[(u16, u16)]) -> Vec<u8> {
    let mut tagged = frame[..12].to_vec();
    for (ether_type, vlan) in tags {
        tagged.extend(ether_type.to_be_bytes());
        tagged.extend(VlanId::try_new(*vlan).unwrap().value().to_be_bytes());
    }
    tagged.extend(&frame[12..]);
    tagged
}

/// VXLAN header with the I flag, and the frame.
#[must_use]
pub fn vxlan(vni: u32, inner: &[u8]) -> Vec<u8> {
    let mut payload = vec![0x08, 0, 0, 0];
    payload.extend((vni << 8).to_be_bytes());
    payload.extend(inner);
    payload
}

/// A mirrored frame as it reaches the target: IPv4, UDP to the usual tap port, VXLAN.
#[must_use]
pub fn mirrored(vni: u32, inner: &[u8]) -> Vec<u8> {
    outer(([10, 0, 1, 2], [10, 9, 0, 2]), (49_152, VXLAN), &vxlan(vni, inner))
}

/// An outer IPv4 datagram.
#[must_use]
pub fn outer(addresses: ([u8; 4], [u8; 4]), ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4(addresses.0, addresses.1, 255);
    written(|out| builder.udp(ports.0, ports.1).write(out, payload).unwrap())
}

/// An outer IPv6 datagram.
#[must_use]
pub fn outer6(addresses: ([u8; 16], [u8; 16]), ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(MACS.0, MACS.1).ipv6(addresses.0, addresses.1, 255);
    written(|out| builder.udp(ports.0, ports.1).write(out, payload).unwrap())
}

/// Bytes that differ between packets and tell shifts and mix-ups apart.
#[must_use]
pub fn pattern(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Puts `options` into an IPv4 frame without tags; their length is a multiple of 4.
#[must_use]
pub fn with_ipv4_options(frame: &[u8], options: &[u8]) -> Vec<u8> {
    let (headers, payload) = frame.split_at(14 + 20);
    let mut frame = [headers, options, payload].concat();
    frame[14] = 0x45 + (options.len() / 4) as u8;
    add_to_be16(&mut frame, 14 + 2, options.len());
    frame
}

/// Puts extension headers (their kinds and bytes; the first byte of each is overwritten) into an
/// IPv6 frame without tags.
#[must_use]
pub fn with_ipv6_extensions(frame: &[u8], extensions: &[(u8, &[u8])]) -> Vec<u8> {
    let (headers, payload) = frame.split_at(14 + 40);
    let mut next = headers[14 + 6];
    let mut tail = payload.to_vec();
    for (kind, bytes) in extensions.iter().rev() {
        let mut header = bytes.to_vec();
        header[0] = next;
        next = *kind;
        tail = [header, tail].concat();
    }
    let mut frame = [headers, &tail].concat();
    frame[14 + 6] = next;
    add_to_be16(&mut frame, 14 + 4, tail.len() - payload.len());
    frame
}

fn add_to_be16(frame: &mut [u8], at: usize, more: usize) {
    let sum = usize::from(u16::from_be_bytes([frame[at], frame[at + 1]])) + more;
    frame[at..at + 2].copy_from_slice(&(sum as u16).to_be_bytes());
}

/// Extension headers of IPv6: hop-by-hop options, destination options, routing, authentication.
pub const EXTENSIONS: [(u8, &[u8]); 4] = [
    (0, &[0, 0, 1, 4, 0, 0, 0, 0]),
    (60, &[0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    (43, &[0, 0, 0, 0, 0, 0, 0, 0]),
    (51, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
];
/// IPv6's fragment header: of the first fragment, and of a later one.
pub const FRAGMENTS6: [(u8, &[u8]); 2] =
    [(44, &[0, 0, 0, 1, 0, 0, 0, 9]), (44, &[0, 0, 0, 8, 0, 0, 0, 9])];

/// The two halves of an IPv4 frame without tags, as fragments.
#[must_use]
pub fn ipv4_fragments(frame: &[u8]) -> [Vec<u8>; 2] {
    let payload = &frame[14 + 20..];
    // Offsets count in units of 8 bytes.
    let (first, later) = payload.split_at((payload.len() / 2).next_multiple_of(8));
    let fragment = |payload: &[u8], frags: usize| {
        let mut fragment = [&frame[..14 + 20], payload].concat();
        fragment[14 + 2..14 + 4].copy_from_slice(&((20 + payload.len()) as u16).to_be_bytes());
        fragment[14 + 6..14 + 8].copy_from_slice(&(frags as u16).to_be_bytes());
        fix_ipv4_checksum(&mut fragment);
        fragment
    };
    [fragment(first, 0x2000), fragment(later, first.len() / 8)]
}

/// A receiver checks it; vtap does not.
fn fix_ipv4_checksum(frame: &mut [u8]) {
    frame[14 + 10..14 + 12].fill(0);
    let (words, _) = frame[14..14 + 20].as_chunks::<2>();
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    frame[14 + 10..14 + 12].copy_from_slice(&(!folded as u16).to_be_bytes());
}

/// One of each kind of inner frame.
#[must_use]
pub fn assortment() -> Vec<Vec<u8>> {
    let udp_frame = udp((1111, 53), &pattern(1, 100));
    let tcp6_frame = tcp6((40_002, 80), &pattern(9, 90));
    let [first, later] = ipv4_fragments(&udp_frame);
    let both = [&EXTENSIONS[..], &FRAGMENTS6[..1]].concat();
    vec![
        udp_frame.clone(),
        tcp((40_000, 23), b"login: opc"),
        tcp((23, 40_000), &pattern(2, 1300)),
        icmp(1, &pattern(3, 300)),
        udp6((1111, 5353), &pattern(4, 64)),
        tcp6((40_001, 443), &[]),
        icmp6(1, &pattern(5, 56)),
        sctp((2905, 2906)),
        arp(),
        ip_protocol(47, &pattern(6, 40)),
        ethernet(0x88cc, &pattern(7, 50)),
        ethernet(46, &pattern(8, 46)),
        tagged(&udp_frame, &[(0x8100, 5)]),
        tagged(&udp_frame, &[(0x88a8, 100), (0x8100, 5)]),
        tagged(&tcp6_frame, &[(0x88a8, 100), (0x8100, 5), (0x8100, 6)]),
        udp((1, 2), &[]),
        with_ipv4_options(&udp_frame, &[1, 1, 1, 0]),
        with_ipv4_options(&udp_frame, &[1; 40]),
        first,
        later,
        with_ipv6_extensions(&tcp6_frame, &EXTENSIONS),
        with_ipv6_extensions(&tcp6_frame, &both),
        with_ipv6_extensions(&tcp6_frame, &FRAGMENTS6[1..]),
        // LLC with a spanning tree's message; MPLS; an EtherType for experiments.
        ethernet(38, &[&[0x42, 0x42, 3][..], &pattern(10, 43)].concat()),
        ethernet(0x8847, &[&[0, 1, 0x41, 64][..], &udp_frame[14..]].concat()),
        ethernet(0x88b5, &[]),
    ]
}
