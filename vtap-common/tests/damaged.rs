//! Damaged inner packets and lengths that contradict each other, as bytes written by hand.

use vtap_common::{
    Matched, Outcome,
    abi::{Counters, Malformed, Segment},
    examine, examine_fast,
    fast_path::FastFrame,
    select::{Selection, TapPort},
    tunnel::Encapsulation,
    wire::{ABSENT, Address, Damaged, LinkLayer, Protocol},
};

const SRC: [u8; 4] = [10, 0, 0, 5];
const DST: [u8; 4] = [10, 0, 1, 2];

fn run(frame: &[u8]) -> (Outcome, Counters) {
    let mut selection = Box::new(Selection::ANY);
    let tap = TapPort { port: 4789, encapsulation: Encapsulation::Vxlan };
    selection.tap_ports.push(tap).unwrap();
    let mut counters = Counters::ZERO;
    let outcome = examine(&frame, LinkLayer::Ethernet, Segment::WHOLE, &selection, &mut counters);
    // The fast path may decline a frame. If it does not, its result must be the same.
    let mut fast_counters = Counters::ZERO;
    let fast = FastFrame::new(frame);
    let fast =
        fast.and_then(|fast| examine_fast(&fast, Segment::WHOLE, &selection, &mut fast_counters));
    if let Some(fast) = fast {
        assert_eq!((fast, fast_counters), (outcome, counters), "on the fast path");
    }
    (outcome, counters)
}

fn be16(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

/// Ethernet, IPv4, UDP to the tap port and VXLAN around `inner`, with these lengths in the headers.
fn outer_with(total_len: usize, udp_len: usize, inner: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend(be16(total_len));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 2, 10, 9, 0, 2, 0xc0, 0, 0x12, 0xb5]);
    frame.extend(be16(udp_len));
    frame.extend([0, 0, 8, 0, 0, 0, 0, 0, 7, 0]);
    frame.extend(inner);
    frame
}

fn outer(inner: &[u8]) -> Vec<u8> {
    outer_with(36 + inner.len(), 16 + inner.len(), inner)
}

/// Ethernet and IPv4 around `payload`, with this total length.
fn ipv4(total_len: usize, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 8, 0, 0x45, 0];
    frame.extend(be16(total_len));
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend([SRC, DST].concat());
    frame.extend(payload);
    frame
}

/// Ethernet and IPv6 around `payload`.
fn ipv6(payload_len: usize, next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 0x86, 0xdd, 0x60, 0, 0, 0];
    frame.extend(be16(payload_len));
    frame.extend([next_header, 64]);
    frame.extend([0xfd; 32]);
    frame.extend(payload);
    frame
}

/// A UDP header from port 53 to port 99, with this length.
fn udp(len: usize) -> Vec<u8> {
    [&[0, 53, 0, 99][..], &be16(len), &[0, 0]].concat()
}

/// A TCP header from port 53 to port 99 that states a length of `words` words of 4 bytes. It is at
/// least 20 bytes long.
fn tcp(words: u8) -> Vec<u8> {
    let mut header = vec![0, 53, 0, 99, 0, 0, 0, 1, 0, 0, 0, 0, words << 4, 2, 0, 9, 0, 0, 0, 0];
    header.resize(header.len().max(usize::from(words) * 4), 0);
    header
}

fn matched(inner: &[u8]) -> Matched {
    let (outcome, counters) = run(&outer(inner));
    let Outcome::Matched(matched) = outcome else { panic!("{outcome:?}: {inner:02x?}") };
    assert_eq!(matched.inner.len as usize, inner.len());
    let damaged = counters.damaged.iter().sum::<u64>();
    assert_eq!(damaged, u64::from(matched.inner.damage.is_some()));
    matched
}

fn damage(inner: &[u8]) -> Option<Damaged> {
    matched(inner).inner.damage.header()
}

fn ports(inner: &[u8]) -> (u64, u64) {
    let inner = matched(inner).inner;
    (inner.src_port, inner.dst_port)
}

#[test]
fn an_empty_packet_is_a_packet() {
    let found = matched(&[]);
    assert_eq!(found.inner.damage.header(), Some(Damaged::Ethernet));
    assert_eq!((found.inner.len, found.wirelen()), (0, 0));
    assert_eq!((found.inner.protocol, found.inner.src), (Protocol::OTHER, Address::NONE));
}

#[test]
fn what_is_left_of_a_cut_packet_is_known() {
    let whole = ipv4(28, 17, &udp(8));
    let at = |len: usize| matched(&whole[..len]).inner;
    assert_eq!((at(33).protocol, at(33).src), (Protocol::OTHER, Address::NONE));
    assert_eq!((at(34).protocol, at(34).src), (Protocol::UDP, Address::v4(SRC)));
    assert_eq!(at(34).dst, Address::v4(DST));
    let ports = |len: usize| (at(len).src_port, at(len).dst_port);
    assert_eq!(ports(35), (ABSENT, ABSENT));
    assert_eq!((at(35).icmp_type, at(36).icmp_type, at(36).icmp_code), (ABSENT, ABSENT, ABSENT));
    assert_eq!(at(34).damage.header(), Some(Damaged::Transport));
    assert_eq!((ports(36), ports(37)), ((53, ABSENT), (53, ABSENT)));
    assert_eq!((ports(38), ports(41)), ((53, 99), (53, 99)));
    assert_eq!(at(41).damage.header(), Some(Damaged::Transport));
    assert_eq!(at(42).damage.header(), None);

    let icmp = ipv4(28, 1, &[8, 3, 0, 0, 0, 0, 0, 0]);
    let at = |len: usize| matched(&icmp[..len]).inner;
    assert_eq!((at(34).icmp_type, at(34).icmp_code), (ABSENT, ABSENT));
    assert_eq!((at(35).icmp_type, at(35).icmp_code), (8, ABSENT));
    assert_eq!((at(36).icmp_type, at(36).icmp_code), (8, 3));
    assert_eq!(at(41).damage.header(), Some(Damaged::Transport));
    assert_eq!(at(42).damage.header(), None);
}

#[test]
fn a_cut_arp_packet_has_no_addresses() {
    let mut arp = vec![2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend([&[2, 0, 0, 0, 0, 4][..], &SRC, &[0; 6], &DST].concat());
    let at = |len: usize| matched(&arp[..len]).inner;
    assert_eq!((at(14).protocol, at(41).protocol), (Protocol::ARP, Protocol::ARP));
    assert_eq!((at(41).src, at(41).dst), (Address::NONE, Address::NONE));
    assert_eq!((at(42).src, at(42).dst), (Address::v4(SRC), Address::v4(DST)));
    assert_eq!(at(42).damage.header(), None);
    assert_eq!(at(41).damage.header(), Some(Damaged::Arp));
    assert_eq!((matched(&arp).wirelen(), matched(&arp[..30]).wirelen()), (42, 42));
    // In other networks, addresses have other lengths. Here they are 8 and 4 bytes long.
    arp[18] = 8;
    assert_eq!((damage(&arp), matched(&arp).inner.src), (Some(Damaged::Arp), Address::NONE));
    arp.extend([0; 4]);
    assert_eq!((damage(&arp), matched(&arp).inner.src), (None, Address::NONE));
    assert_eq!(damage(&arp[..45]), Some(Damaged::Arp));
    arp.extend([0; 4]);
    assert_eq!(damage(&arp), None);
}

#[test]
fn the_ip_packet_bounds_the_transport_header() {
    for (total_len, expected) in [(28, (53, 99)), (24, (53, 99)), (23, (53, ABSENT))] {
        assert_eq!(ports(&ipv4(total_len, 17, &udp(8))), expected, "{total_len}");
    }
    assert_eq!(ports(&ipv4(21, 17, &udp(8))), (ABSENT, ABSENT));
    assert_eq!(damage(&ipv4(27, 17, &udp(8))), Some(Damaged::Transport));
    assert_eq!(damage(&ipv4(19, 17, &udp(8))), Some(Damaged::Ipv4));
    assert_eq!(damage(&ipv6(7, 17, &udp(8))), Some(Damaged::Transport));
    assert_eq!(ports(&ipv6(3, 17, &udp(8))), (53, ABSENT));
    for (protocol, len) in [(1, 8), (6, 20), (132, 12)] {
        let payload = [&tcp(5)[..], &[0; 8]].concat();
        assert_eq!(damage(&ipv4(20 + len, protocol, &payload)), None, "{protocol}");
        let short = ipv4(20 + len - 1, protocol, &payload);
        assert_eq!(damage(&short), Some(Damaged::Transport), "{protocol}");
    }
}

#[test]
fn a_transport_header_states_a_length_that_can_be_true() {
    let with_udp_len = |len| damage(&ipv4(32, 17, &[&udp(len)[..], &[0; 4]].concat()));
    assert_eq!((with_udp_len(12), with_udp_len(8)), (None, None));
    for len in [0, 7, 13, 0xffff] {
        assert_eq!(with_udp_len(len), Some(Damaged::Transport), "{len}");
    }
    let with_tcp_words = |words: u8| {
        let mut segment = tcp(5);
        segment[12] = words << 4;
        segment.extend([0; 4]);
        damage(&ipv4(44, 6, &segment))
    };
    assert_eq!((with_tcp_words(5), with_tcp_words(6)), (None, None));
    for words in [0, 4, 7, 15] {
        assert_eq!(with_tcp_words(words), Some(Damaged::Transport), "{words}");
    }
    // The options are part of the header. So a packet that is truncated within the options is
    // damaged, and a packet that is truncated within the payload is not.
    let segment = ipv4(1000, 6, &tcp(15));
    assert_eq!(damage(&segment), None);
    assert_eq!(matched(&segment).wirelen(), 1014);
    assert_eq!(damage(&segment[..segment.len() - 1]), Some(Damaged::Transport));
}

#[test]
fn a_udp_length_is_compared_with_the_end_of_its_packet() {
    // Padding does not belong to the IP packet.
    let padded = |len| damage(&[ipv4(28, 17, &udp(len)), vec![0; 20]].concat());
    assert_eq!((padded(8), padded(9)), (None, Some(Damaged::Transport)));
    // A packet that gives no length (BIG TCP) ends where the outer datagram does.
    let endless = |len| damage(&ipv4(0, 17, &[&udp(len)[..], &[0; 4]].concat()));
    assert_eq!((endless(0), endless(8), endless(12)), (None, None, None));
    assert_eq!((endless(7), endless(13)), (Some(Damaged::Transport), Some(Damaged::Transport)));
}

#[test]
fn ipv4_options_belong_to_the_header() {
    let with_words = |words: u8, present: usize| {
        let mut packet = ipv4(60, 59, &[1; 40]);
        packet[14] = 0x40 | words;
        damage(&packet[..14 + present])
    };
    for (words, len) in [(5, 20), (6, 24), (15, 60)] {
        assert_eq!(with_words(words, len), None, "{words}");
        assert_eq!(with_words(words, len - 1), Some(Damaged::Ipv4), "{words}");
    }
    for words in 0..5 {
        assert_eq!(with_words(words, 60), Some(Damaged::Ipv4), "{words}");
    }
}

#[test]
fn an_ipv4_packet_is_no_shorter_than_its_header() {
    let with = |total_len, protocol| damage(&ipv4(total_len, protocol, &udp(8)));
    assert_eq!((with(19, 59), with(20, 59)), (Some(Damaged::Ipv4), None));
    assert_eq!((with(19, 17), with(20, 17)), (Some(Damaged::Ipv4), Some(Damaged::Transport)));
}

#[test]
fn the_first_fragment_states_the_length_of_the_whole() {
    let mut first = ipv4(28, 17, &udp(4000));
    first[20] = 0x20;
    assert_eq!((damage(&first), ports(&first)), (None, (53, 99)));
    first[20] = 0;
    assert_eq!(damage(&first), Some(Damaged::Transport));
}

#[test]
fn an_extension_header_lies_in_its_packet() {
    let hop_by_hop = |units: u8, next| {
        let payload = [&[next, units, 1, 4, 0, 0, 0, 0][..], &udp(8)].concat();
        ipv6(payload.len(), 0, &payload)
    };
    assert_eq!(ports(&hop_by_hop(0, 17)), (53, 99));
    assert_eq!(damage(&hop_by_hop(1, 59)), None);
    assert_eq!(damage(&hop_by_hop(2, 59)), Some(Damaged::Ipv6Extension));
    assert_eq!(matched(&hop_by_hop(2, 17)).inner.protocol, Protocol::OTHER);
    // The packet is shorter than the frame.
    let mut short = hop_by_hop(1, 59);
    short[18..20].copy_from_slice(&be16(15));
    assert_eq!(damage(&short), Some(Damaged::Ipv6Extension));
}

#[test]
fn the_outer_packet_bounds_its_datagram() {
    let inner = ipv4(28, 17, &udp(8));
    let with = |total_len, udp_len| run(&outer_with(total_len, udp_len, &inner)).0;
    let (total_len, udp_len) = (36 + inner.len(), 16 + inner.len());
    assert!(matches!(with(total_len, udp_len), Outcome::Matched(_)));
    // Bytes of the IP packet after the end of the datagram are ignored.
    assert!(matches!(with(total_len, udp_len - 1), Outcome::Matched(_)));
    // So are bytes of the frame after the end of the IP packet.
    let frame = outer(&inner);
    assert_eq!(run(&[&frame[..], &[1; 30]].concat()).0, run(&frame).0);
    let too_long = Outcome::Malformed(Malformed::UdpLength);
    for (total_len, udp_len) in [(total_len - 1, udp_len), (19, udp_len), (total_len, 7)] {
        assert_eq!(with(total_len, udp_len), too_long, "{total_len}, {udp_len}");
    }
    // An empty datagram has no VXLAN header.
    let empty = outer_with(28, 8, &[]);
    assert_eq!(run(&empty[..42]).0, Outcome::Malformed(Malformed::VxlanHeader));
    // Only the IP header gives no length.
    let frame = outer_with(0, udp_len, &inner);
    let Outcome::Matched(found) = run(&[&frame[..], &[1; 30]].concat()).0 else { panic!() };
    assert_eq!(found.inner.len as usize, inner.len());
    // Both lengths are zero, as in a BIG TCP packet.
    assert!(matches!(with(0, 0), Outcome::Matched(_)));
    assert_eq!(with(total_len, 0), too_long);
}

#[test]
fn only_udp_to_a_tap_port_is_a_tunnel() {
    let frame = outer(&ipv4(28, 17, &udp(8)));
    let with = |offset: usize, bytes: &[u8]| {
        let mut frame = frame.clone();
        frame[offset..offset + bytes.len()].copy_from_slice(bytes);
        run(&frame).0
    };
    assert!(matches!(with(0, &[]), Outcome::Matched(_)));
    // Other protocols have a number in the same place.
    for protocol in [0, 6, 16, 18, 132, 136, 255] {
        assert_eq!(with(23, &[protocol]), Outcome::NotTunnel, "{protocol}");
    }
    for fragment in [[0, 1], [0x20, 1], [0x1f, 0xff]] {
        assert_eq!(with(20, &fragment), Outcome::NotTunnel, "{fragment:x?}");
    }
    assert_eq!(with(20, &[0x20, 0]), Outcome::Malformed(Malformed::OuterFragment));
    // The "don't fragment" flag.
    assert!(matches!(with(20, &[0x40, 0]), Outcome::Matched(_)));
    for port in [[0x12, 0xb4], [0x12, 0xb6], [0x13, 0xb5], [0xb5, 0x12]] {
        assert_eq!(with(36, &port), Outcome::NotTunnel, "{port:x?}");
    }
    // A header of 16 bytes is impossible, although the tap port follows it.
    let mut short = frame.clone();
    short[14] = 0x44;
    short[32..34].copy_from_slice(&[0x12, 0xb5]);
    assert_eq!(run(&short).0, Outcome::NotTunnel);
    // Truncated within the UDP header: only with the port, it is known to be a tunnel's.
    assert_eq!(run(&frame[..37]).0, Outcome::NotTunnel);
    for len in [38, 41] {
        assert_eq!(run(&frame[..len]).0, Outcome::Malformed(Malformed::UdpHeader), "{len}");
    }
    for len in [42, 49] {
        assert_eq!(run(&frame[..len]).0, Outcome::Malformed(Malformed::VxlanHeader), "{len}");
    }
}
