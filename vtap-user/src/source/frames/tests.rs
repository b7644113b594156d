//! Frames of several datagrams, built by etherparse: the packets that come out are those that went in.

use std::ops::Range;

use etherparse::PacketBuilder;
use proptest::{collection::vec, prelude::*};
use vtap_common::{
    abi::{Malformed, Segment},
    select::{Selection, TapPort},
    tunnel::Encapsulation,
    wire::LinkLayer,
};

use super::{Arrival, Frames};
use crate::timestamp::Timestamp;

/// Bytes before the payload of an outer datagram.
const OUTER: usize = 14 + 20 + 8;
const VXLAN: usize = 8;

/// A packet that came out: its bytes, and its length on the wire.
type Packet = (Vec<u8>, usize);

/// What a frame was divided into, if the length of its datagrams is known, or if it is not.
fn divided(frame: &[u8], segment: Segment) -> (Vec<Packet>, Frames) {
    let mut selection = Selection::ANY;
    let tap = TapPort { port: 4789, encapsulation: Encapsulation::Vxlan };
    assert!(selection.tap_ports.push(tap).is_ok());
    let mut frames = Frames::of_file(&selection, u32::MAX);
    // The advice would be printed thousands of times.
    frames.told = true;
    let arrival = Arrival { time: Timestamp::default(), queue: None };
    let mut packets = Vec::new();
    let take = |packet: &crate::packet::Packet<'_>| {
        packets.push((packet.data.to_vec(), packet.wirelen as usize));
    };
    let result = if segment == Segment::UNKNOWN {
        frames.examine(frame, LinkLayer::Ethernet, arrival, take)
    } else {
        // As the kernel side counts it.
        frames.counters.received.count(frame.len() as u32);
        frames.divide(frame, segment, arrival, take)
    };
    result.unwrap();
    let counted = frames.counters;
    let malformed: u64 = counted.malformed.iter().sum();
    assert_eq!(counted.received.packets + counted.coalesced, counted.not_tunnel + counted.tunnel);
    assert_eq!(counted.tunnel, malformed + counted.filtered + counted.matched.packets);
    assert_eq!(counted.matched.packets, packets.len() as u64);
    (packets, frames)
}

fn builder() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
    PacketBuilder::ethernet2([2; 6], [4; 6])
}

/// A frame with this payload in its datagram.
fn outer(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = builder().ipv4([10, 0, 1, 2], [10, 0, 1, 3], 64).udp(50_000, 4789);
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn payload<'a>(packets: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
    let datagram = |packet: &Vec<u8>| [&[8, 0, 0, 0, 0, 0, 7, 0][..], packet].concat();
    packets.into_iter().flat_map(datagram).collect()
}

/// An inner packet of `len` bytes, of one of several kinds.
fn packet(kind: usize, len: usize) -> Vec<u8> {
    let fill = |header: usize| vec![kind as u8; len - header];
    let mut packet = Vec::new();
    let v4 = || builder().ipv4([10, 0, 0, 5], [10, 0, 1, 2], 64);
    let v6 = || builder().ipv6([1; 16], [2; 16], 64);
    match kind {
        0 => v4().udp(1, 2).write(&mut packet, &fill(42)),
        1 => v4().tcp(1, 2, 3, 4).write(&mut packet, &fill(54)),
        2 => v4().icmpv4_echo_request(1, 2).write(&mut packet, &fill(42)),
        3 => v6().udp(1, 2).write(&mut packet, &fill(62)),
        _ => builder()
            .single_vlan(5.try_into().unwrap())
            .ipv4([1; 4], [2; 4], 9)
            .udp(1, 2)
            .write(&mut packet, &fill(46)),
    }
    .unwrap();
    assert_eq!(packet.len(), len);
    packet
}

const KINDS: Range<usize> = 0..5;
/// Bytes of the longest headers among them.
const SHORTEST: usize = 62;

/// Packets of one length, the last perhaps shorter, that fit a frame.
fn packets(count: Range<usize>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let kinds = vec(KINDS, count);
    (kinds, SHORTEST..600, SHORTEST..600).prop_map(|(kinds, len, last)| {
        let end = kinds.len() - 1;
        let len_of = |index| if index == end { last.min(len) } else { len };
        kinds.iter().enumerate().map(|(index, kind)| packet(*kind, len_of(index))).collect()
    })
}

fn whole(packets: &[Vec<u8>]) -> Vec<Packet> {
    packets.iter().map(|packet| (packet.clone(), packet.len())).collect()
}

proptest! {
    #[test]
    fn each_packet_comes_out(packets in packets(1..60)) {
        let frame = outer(&payload(&packets));
        let len = (VXLAN + packets[0].len()) as u32;
        for segment in [Segment::UNKNOWN, Segment::of(len)] {
            let (out, frames) = divided(&frame, segment);
            prop_assert_eq!(&out, &whole(&packets));
            prop_assert_eq!(frames.counters.coalesced, packets.len() as u64 - 1);
        }
    }

    /// Wherever a capture cuts a frame: no packet has bytes of another, and none is longer than it was.
    #[test]
    fn a_cut_frame_mixes_nothing(packets in packets(1..6), cut in any::<prop::sample::Index>()) {
        let frame = outer(&payload(&packets));
        let cut = OUTER + cut.index(frame.len() - OUTER);
        let (out, _) = divided(&frame[..cut], Segment::UNKNOWN);
        prop_assert!(out.len() <= packets.len());
        for ((data, wirelen), packet) in out.iter().zip(&packets) {
            prop_assert!(packet.starts_with(data), "{:02x?}", data);
            // What is cut before its own length states none.
            prop_assert!(*wirelen == packet.len() || data.len() < 14 + 40 + 4);
        }
    }

    /// With a known length, nothing in the datagrams matters.
    #[test]
    fn a_known_length_decides(payload in vec(any::<u8>(), 1..3000), len in 1_u32..2000) {
        let (_, frames) = divided(&outer(&payload), Segment::of(len));
        let datagrams = payload.len().div_ceil(len as usize) as u64;
        prop_assert_eq!(frames.counters.tunnel, datagrams);
        prop_assert_eq!(frames.counters.coalesced, datagrams - 1);
    }

    /// Bytes that are no VXLAN header belong to the packet before them.
    #[test]
    fn a_trailer_stays(kind in KINDS, trailer in vec(0_u8..8, 0..200)) {
        let packet = [packet(kind, 100), trailer].concat();
        let (out, _) = divided(&outer(&payload([&packet])), Segment::UNKNOWN);
        prop_assert_eq!(out, whole(&[packet]));
    }

    /// Trailers between the datagrams make their ends uncertain.
    #[test]
    fn trailers_of_each_are_uncertain(packets in packets(2..6), trailer in vec(any::<u8>(), 1..40)) {
        let with_trailer = |packet: &Vec<u8>| [&packet[..], &trailer].concat();
        let packets: Vec<_> = packets.iter().map(with_trailer).collect();
        let (out, frames) = divided(&outer(&payload(&packets)), Segment::UNKNOWN);
        prop_assert_eq!(out.len(), 0);
        prop_assert_eq!(frames.counters.malformed[Malformed::Coalesced as usize], 1);
        // But not where the kernel tells them.
        let len = (VXLAN + packets[0].len()) as u32;
        let (out, _) = divided(&outer(&payload(&packets)), Segment::of(len));
        prop_assert_eq!(out, whole(&packets));
    }

    #[test]
    fn hostile_frames_are_survived(
        frame in vec(any::<u8>(), 0..300),
        packets in packets(1..5),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        len in 0_u32..400,
    ) {
        let mut built = outer(&payload(&packets));
        for (at, byte) in changes {
            let at = at.index(built.len());
            built[at] = byte;
        }
        for frame in [frame, built] {
            divided(&frame, Segment::UNKNOWN);
            divided(&frame, Segment::of(len));
        }
    }
}

/// Ethernet pads frames to 60 bytes; a packet of that length or more is not padded.
#[test]
fn padded_packets_are_told_apart() {
    let short = |kind, len: usize| {
        let mut packet = packet(kind, len);
        packet.resize(60, 0);
        packet
    };
    let packets = [short(0, 43), short(1, 54), short(0, 60), short(2, 59)];
    for first in 0..packets.len() {
        let mut packets = packets.clone();
        packets.rotate_left(first);
        let (out, _) = divided(&outer(&payload(&packets)), Segment::UNKNOWN);
        assert_eq!(out.iter().map(|(data, _)| data.clone()).collect::<Vec<_>>(), packets);
    }
}
