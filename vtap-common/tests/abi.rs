//! Tests of the data that both sides share: classes, records and counters. The expected values are
//! written by hand.

use vtap_common::{
    abi::{
        CLASSES, Counters, Lost, Malformed, ProtocolClass, RecordFields, RecordHeader, Segment,
        Traffic, class_below,
    },
    tunnel::LinkType,
    wire::{Address, Damaged, Protocol},
};

#[test]
fn protocols_are_counted_in_their_class() {
    // Numbers as IANA assigns them; 0x100 and 0x101 are vtap's own for ARP and the rest.
    let named = [(6, "tcp"), (17, "udp"), (1, "icmp"), (58, "icmp6"), (0x100, "arp")];
    for number in 0..=0x101 {
        let class = ProtocolClass::of(Protocol(number));
        let known = named.iter().find(|(known, _)| *known == number);
        let expected = known.map_or("other", |(_, name)| name);
        let (same, name) = ProtocolClass::NAMES[class as usize];
        assert_eq!((same, name), (class, expected), "protocol {number}");
    }
}

fn fields() -> RecordFields {
    RecordFields {
        timestamp: 0x0102_0304_0506_0708,
        caplen: 3,
        wirelen: 1500,
        vni: 0x00ab_cdef,
        link: LinkType::Ethernet,
        class: ProtocolClass::Icmp6,
        outer_src: Address::v4([10, 0, 1, 2]),
        outer_dst: Address::v4([10, 0, 1, 3]),
        outer_src_port: u64::from(50_000_u16.to_be()),
        rx_queue: 0x0001_0007,
    }
}

fn bytes(header: &RecordHeader) -> Vec<u8> {
    let mut bytes = header.timestamp.to_ne_bytes().to_vec();
    bytes.extend(header.caplen.to_ne_bytes());
    bytes.extend(header.wirelen.to_ne_bytes());
    bytes
}

#[test]
fn a_record_header_says_what_it_was_made_of() {
    let header = RecordHeader::new(&fields());
    assert_eq!((header.timestamp, header.caplen, header.wirelen), (0x0102_0304_0506_0708, 3, 1500));
    assert_eq!((header.vni(), header.rx_queue, header.outer_src_port()), (0x00ab_cdef, 7, 50_000));
    assert_eq!((header.link(), header.class()), (LinkType::Ethernet, ProtocolClass::Icmp6));
    assert_eq!(header.outer_src(), Address::v4([10, 0, 1, 2]));
    assert_eq!(header.outer_dst(), Address::v4([10, 0, 1, 3]));

    let [src, dst] = [[1; 16], [0xfe; 16]].map(Address::v6);
    for (class, _) in ProtocolClass::NAMES {
        for (link, vni) in [(LinkType::RawIp, 0), (LinkType::Ethernet, 0x00ff_ffff)] {
            let fields =
                RecordFields { link, vni, class, outer_src: src, outer_dst: dst, ..fields() };
            let header = RecordHeader::new(&fields);
            assert_eq!((header.link(), header.vni(), header.class()), (link, vni, class));
            assert_eq!((header.outer_src(), header.outer_dst()), (src, dst));
            assert_eq!(header.segment(), None);
        }
    }
}

#[test]
fn a_record_of_a_frame_says_how_the_frame_divides() {
    for len in [0, 1, 1408, 65_535, 0x00ff_ffff] {
        let header = RecordHeader::frame(Segment::of(len), 9000, 0x0102_0304_0506_0708, 0x1_0007);
        assert_eq!(header.timestamp, 0x0102_0304_0506_0708);
        assert_eq!((header.caplen, header.wirelen, header.rx_queue), (9000, 9000, 7));
        assert_eq!(header.segment(), Some(Segment::of(len)), "{len}");
        assert_eq!(header.outer_src_port(), 0);
    }
}

#[test]
fn a_segment_says_how_many_datagrams_there_are() {
    // The payload of each datagram, the payload of the frame, and the number of datagrams.
    let known = [(100, 99, 1), (100, 100, 1), (100, 101, 2), (100, 200, 2), (100, 201, 3)];
    for (len, payload_len, datagrams) in [(1, 5, 5), (1408, 64_000, 46)].into_iter().chain(known) {
        let segment = Segment::of(len);
        assert_eq!(segment.bytes(), len);
        assert_eq!(segment.datagrams(payload_len), datagrams, "{payload_len} by {len}");
    }
    for segment in [Segment::UNKNOWN, Segment::WHOLE, Segment::of(0)] {
        for payload_len in [0, 1, 65_507, u32::MAX] {
            assert_eq!(segment.datagrams(payload_len), 1, "{segment:?}: {payload_len}");
        }
    }
    assert_eq!((Segment::UNKNOWN.bytes(), Segment::WHOLE.bytes()), (0, u32::MAX));
}

#[test]
fn records_are_split_where_the_header_ends() {
    let mut record = bytes(&RecordHeader::new(&fields()));
    record.resize(56, 0);
    record.extend([7, 8, 9, 10]);
    let (header, data) = RecordHeader::split(&record).unwrap();
    assert_eq!((header.timestamp, header.caplen, header.wirelen), (0x0102_0304_0506_0708, 3, 1500));
    // The byte after that is unused room in the record.
    assert_eq!(data, [7, 8, 9]);
    assert!(RecordHeader::split(&record[..59]).is_some());
    for cut in [0, 55, 56, 58] {
        assert!(RecordHeader::split(&record[..cut]).is_none(), "{cut} bytes");
    }
    // A class that does not exist. The class is in the top four bits of the integer after
    // `wirelen`.
    record[16..20].copy_from_slice(&0xf000_0000_u32.to_ne_bytes());
    assert_eq!(RecordHeader::split(&record).unwrap().0.class(), ProtocolClass::Other);
    record[16..20].copy_from_slice(&0x6000_0000_u32.to_ne_bytes());
    assert_eq!(RecordHeader::split(&record).unwrap().0.class(), ProtocolClass::Other);
}

#[test]
fn each_class_lies_above_another() {
    for (size, below) in [(64, 0), (128, 64), (192, 128), (9216, 6144), (98_303, 65_536)] {
        assert_eq!(class_below(size), below, "{size}");
    }
    assert_eq!((class_below(1), class_below(65), class_below(u32::MAX)), (0, 64, 98_303));
    assert!(CLASSES.is_sorted_by(|one, other| one < other));
}

fn traffic(packets: u64, bytes: u64) -> Traffic {
    Traffic { packets, bytes }
}

#[test]
fn traffic_is_packets_and_bytes() {
    let mut sum = traffic(0, 0);
    for len in [0, 60, 1500, u32::MAX] {
        sum.count(len);
    }
    assert_eq!(sum, traffic(4, 1560 + 4_294_967_295));
}

#[test]
fn counters_of_all_cpus_are_added_up() {
    let mut one = Counters::ZERO;
    one.received = traffic(10, 1000);
    one.not_tunnel = 1;
    one.tunnel = 9;
    one.malformed[Malformed::VxlanFlags as usize] = 2;
    one.filtered = 3;
    one.matched = traffic(4, 400);
    one.lost[Lost::RingFull as usize] = 1;
    one.rules[0] = 7;
    one.coalesced = 11;
    one.damaged[Damaged::Vlan as usize] = 3;
    let mut other = one;
    other.received = traffic(20, 5000);
    other.not_tunnel = 5;
    other.tunnel = 15;
    other.filtered = 6;
    other.matched = traffic(7, 70);
    other.malformed[Malformed::ALL.len() - 1] = 2;
    other.coalesced = 30;
    other.damaged[Damaged::ALL.len() - 1] = 4;
    let mut sum = one;
    sum.add(&other);
    assert_eq!((sum.received, sum.matched), (traffic(30, 6000), traffic(11, 470)));
    assert_eq!((sum.not_tunnel, sum.tunnel, sum.filtered, sum.coalesced), (6, 24, 9, 41));
    assert_eq!(sum.malformed[Malformed::VxlanFlags as usize], 4);
    assert_eq!(sum.malformed[Malformed::ALL.len() - 1], 2);
    assert_eq!(sum.malformed.iter().sum::<u64>(), 6);
    assert_eq!(sum.damaged[Damaged::Vlan as usize], 6);
    assert_eq!((sum.damaged[Damaged::ALL.len() - 1], sum.damaged.iter().sum::<u64>()), (4, 10));
    assert_eq!((sum.lost[Lost::RingFull as usize], sum.lost.iter().sum::<u64>()), (2, 2));
    assert_eq!((sum.rules[0], sum.rules.iter().sum::<u64>()), (14, 14));
    sum.add(&Counters::ZERO);
    assert_eq!(sum.received, traffic(30, 6000));
}

#[test]
fn losses_are_counted_by_reason() {
    let mut counters = Counters::ZERO;
    for reason in Lost::ALL {
        for _ in 0..=*reason as usize {
            counters.count_lost(*reason);
        }
    }
    assert!(counters.lost.iter().copied().eq(1..=Lost::ALL.len() as u64));
    let expected = Counters { lost: counters.lost, ..Counters::ZERO };
    assert_eq!(counters, expected);
}

/// Each datagram begins with a VXLAN header of 8 bytes, which is not part of its packet.
#[test]
fn all_packets_of_a_lost_frame_are_lost() {
    let mut counters = Counters::ZERO;
    counters.count_lost_frame(3, 4000, Lost::RingFull);
    counters.count_lost_frame(4, 100, Lost::CopyFailed);
    // Too short for the headers of two datagrams.
    counters.count_lost_frame(2, 15, Lost::CopyFailed);
    let mut expected = Counters { coalesced: 6, tunnel: 9, ..Counters::ZERO };
    expected.matched = traffic(9, 4000 - 24 + 100 - 32);
    expected.lost[Lost::RingFull as usize] = 3;
    expected.lost[Lost::CopyFailed as usize] = 6;
    assert_eq!(counters, expected);
}
