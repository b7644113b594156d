//! Access to the bytes of a frame, and the headers before the network header.

use vtap_common::{
    Outcome,
    abi::{Counters, Segment},
    examine,
    select::{Selection, TapPort},
    tunnel::Encapsulation,
    wire::{
        Address, Bounded, Frame, LinkLayer, Network, Protocol, Slot, Slots, ethernet::llc_len,
        link::ether_type,
    },
};

#[test]
fn a_header_lies_in_its_frame() {
    let frame: &[u8] = &[1, 2, 3, 4, 5];
    assert_eq!(frame.header::<[u8; 2]>(3), Some(&[4, 5]));
    assert_eq!((frame.header::<[u8; 2]>(4), frame.header::<[u8; 1]>(5)), (None, None));
    assert_eq!((Frame::len(&frame), Frame::is_empty(&frame)), (5, false));
    assert!(Frame::is_empty(&&[][..]));
    let bounded = Bounded::new(&frame, 3);
    assert_eq!((bounded.len(), bounded.is_empty()), (3, false));
    assert_eq!(bounded.header::<[u8; 2]>(1), Some(&[2, 3]));
    assert_eq!((bounded.header::<[u8; 2]>(2), bounded.header::<[u8; 1]>(3)), (None, None));
    // The bound may lie behind the end of the frame.
    assert_eq!(Bounded::new(&frame, 9).header::<[u8; 2]>(4), None);
}

#[test]
fn headers_begin_in_the_first_32_kib() {
    let frame = [vec![0; 0x7fff], vec![1, 2, 3]].concat();
    let frame = frame.as_slice();
    assert_eq!(frame.header::<[u8; 2]>(0x7fff), Some(&[1, 2]));
    assert_eq!((frame.header::<[u8; 1]>(0x8000), frame.header::<[u8; 1]>(0x8001)), (None, None));
}

#[test]
fn every_slot_has_a_place() {
    assert_eq!(size_of::<Slots>(), 8 * (Slot::Network as usize..=Slot::Rule as usize).count());
}

/// IEEE 802.3: up to 1500, it is a length.
#[test]
fn small_types_are_lengths() {
    for (number, len) in [(0, Some(0)), (38, Some(38)), (1500, Some(1500))] {
        assert_eq!(llc_len(ether_type(number)), len);
    }
    for number in [1501, 1536, 0x0800, 0xffff] {
        assert_eq!(llc_len(ether_type(number)), None, "{number:#x}");
    }
}

#[test]
fn an_arp_packet_is_its_own_payload() {
    let mut frame = vec![0xee, 0xee, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 4, 10, 0, 0, 5];
    frame.extend([0, 0, 0, 0, 0, 0, 10, 0, 1, 2]);
    let network = Network::parse(&frame.as_slice(), 2, ether_type(0x0806));
    assert_eq!((network.protocol, network.payload, network.end), (Protocol::ARP, 2, 30));
    assert_eq!(
        (network.src, network.dst),
        (Address::v4([10, 0, 0, 5]), Address::v4([10, 0, 1, 2]))
    );
    assert_eq!(network.damaged, None);
}

/// IPv4 or IPv6, and UDP to the tap port around an empty inner packet.
fn tunnel(is_v4: bool) -> Vec<u8> {
    let mut packet = if is_v4 {
        vec![0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 2, 10, 9, 0, 2]
    } else {
        [&[0x60, 0, 0, 0, 0, 16, 17, 64][..], &[0xfd; 32]].concat()
    };
    packet.extend([0xc0, 0, 0x12, 0xb5, 0, 16, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0]);
    packet
}

/// Offset of the inner packet; `None` if the frame is not a tunnel's.
fn inner(frame: &[u8], layer: LinkLayer) -> Option<u32> {
    let mut selection = Box::new(Selection::ANY);
    let tap = TapPort { port: 4789, encapsulation: Encapsulation::Vxlan };
    selection.tap_ports.push(tap).unwrap();
    let mut counters = Counters::ZERO;
    match examine(&frame, layer, Segment::WHOLE, &selection, &mut counters) {
        Outcome::Matched(matched) => Some(matched.tunnel.payload),
        Outcome::NotTunnel => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_may_begin_with_an_ip_header() {
    for (is_v4, len) in [(true, 36), (false, 56)] {
        let mut packet = tunnel(is_v4);
        assert_eq!(packet.len(), len);
        assert_eq!(inner(&packet, LinkLayer::Ip), Some(len as u32));
        assert_eq!(inner(&packet, LinkLayer::Ethernet), None);
        for version in [0, 5, 7, if is_v4 { 6 } else { 4 }] {
            packet[0] = version << 4 | 5;
            assert_eq!(inner(&packet, LinkLayer::Ip), None, "version {version}");
        }
    }
    assert_eq!(inner(&[], LinkLayer::Ip), None);
}

#[test]
fn a_frame_may_begin_with_a_header_that_the_caller_has_read() {
    for (is_v4, number, len) in [(true, 0x0800, 36), (false, 0x86dd, 56)] {
        let packet = tunnel(is_v4);
        let frame = [&[0xee; 16], &packet[..]].concat();
        let other = |number| LinkLayer::Other { ether_type: ether_type(number), offset: 16 };
        assert_eq!(inner(&frame, other(number)), Some(16 + len));
        assert_eq!(inner(&frame, other(0x0806)), None);
        assert_eq!(inner(&frame, other(number.swap_bytes())), None);
        // A VLAN tag follows.
        let tag = [&[0, 5][..], &number.to_be_bytes()].concat();
        let frame = [&[0xee; 16], &tag[..], &packet[..]].concat();
        assert_eq!(inner(&frame, other(0x8100)), Some(20 + len));
        assert_eq!(inner(&frame[..19], other(0x8100)), None);
    }
}
