//! Frames of several datagrams, built by etherparse: the packets that come out are those that went in.

use std::ops::Range;

use etherparse::PacketBuilder;
use proptest::{collection::vec, prelude::*};
use vtap_common::{
    abi::{Counters, Malformed, Segment},
    select::{Selection, TapPort},
    tunnel::Encapsulation,
    wire::LinkLayer,
};

use super::{Arrival, Frames};
use crate::{
    netlink::{Interface, Name},
    timestamp::Timestamp,
};

/// Bytes before the payload of an outer datagram.
const OUTER: usize = 14 + 20 + 8;
const VXLAN: usize = 8;

/// A packet that came out: its bytes, and its length on the wire.
type Packet = (Vec<u8>, usize);

const ARRIVAL: Arrival = Arrival { time: Timestamp { seconds: 0, nanos: 0 }, queue: None };

fn selection() -> Selection {
    let mut selection = Selection::ANY;
    let tap = TapPort { port: 4789, encapsulation: Encapsulation::Vxlan };
    assert!(selection.tap_ports.push(tap).is_ok());
    selection
}

/// What a frame was divided into, if the length of its datagrams is known, or if it is not.
fn divided(frame: &[u8], segment: Segment) -> (Vec<Packet>, Frames) {
    let mut frames = Frames::of_file(&selection(), u32::MAX);
    // The advice would be printed thousands of times.
    frames.told = true;
    let mut packets = Vec::new();
    let take = |packet: &crate::packet::Packet<'_>| {
        packets.push((packet.data.to_vec(), packet.wirelen as usize));
    };
    let result = if segment == Segment::UNKNOWN {
        frames.examine(frame, LinkLayer::Ethernet, ARRIVAL, take)
    } else {
        // As the kernel side counts it.
        frames.counters.received.count(frame.len() as u32);
        frames.divide(frame, segment, ARRIVAL, take)
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

    /// A tap truncates every packet to the same length: their headers give another.
    #[test]
    fn truncated_packets_come_out(packets in packets(2..20), cut in SHORTEST + 1..400) {
        let wirelens: Vec<_> = packets.iter().map(Vec::len).collect();
        let cut_off = |packet: &Vec<u8>| packet[..cut.min(packet.len())].to_vec();
        let packets: Vec<_> = packets.iter().map(cut_off).collect();
        let payload = payload(&packets);
        // By coincidence, the rest may be as long as what the first packet lacks.
        let first = VXLAN + wirelens[0];
        prop_assume!(!(payload.len() - 21..=payload.len()).contains(&first));
        let (out, frames) = divided(&outer(&payload), Segment::UNKNOWN);
        prop_assert_eq!(out, packets.into_iter().zip(wirelens).collect::<Vec<_>>());
        prop_assert_eq!(frames.counters.coalesced + 1, frames.counters.tunnel);
    }

    /// A single truncated packet stays one, whatever it holds.
    #[test]
    fn one_truncated_packet_stays_one(kind in KINDS, fill in vec(any::<u8>(), 0..300)) {
        let mut packet = packet(kind, SHORTEST + 400);
        packet.truncate(SHORTEST);
        packet.extend(fill);
        let (out, _) = divided(&outer(&payload([&packet])), Segment::UNKNOWN);
        prop_assert_eq!(out, [(packet, SHORTEST + 400)]);
    }

    /// The first packet gives no length: another protocol, or IPv4 with a length of zero (BIG TCP).
    #[test]
    fn packets_without_a_length_come_out(mut packets in packets(2..20), other in any::<bool>()) {
        if other {
            packets[0][12..14].copy_from_slice(&[0x88, 0xcc]);
        } else {
            packets[0] = packet(1, packets[0].len());
            packets[0][16..18].fill(0);
        }
        let (out, _) = divided(&outer(&payload(&packets)), Segment::UNKNOWN);
        // A packet of another protocol may itself hold a second one.
        let expected = if other && packets.len() == 2 { vec![] } else { whole(&packets) };
        prop_assert_eq!(out, expected);
    }

    /// A truncated packet of a tunnel within the tunnel holds VXLAN headers of its own.
    #[test]
    fn a_tunnel_in_the_tunnel_is_not_divided(depth in 1_usize..4, kind in KINDS, cut in 100_usize..400) {
        let mut nested = packet(kind, 600);
        for _ in 0..depth {
            nested = outer(&payload([&nested]));
        }
        let (wirelen, cut) = (nested.len(), cut.min(nested.len()));
        nested.truncate(cut);
        let (out, frames) = divided(&outer(&payload([&nested])), Segment::UNKNOWN);
        let unclear = frames.counters.malformed[Malformed::Coalesced as usize] == 1;
        prop_assert!(unclear && out.is_empty() || out == [(nested, wirelen)]);
        prop_assert!(!unclear || depth > 1);
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

/// Two packets of which a tap has left no more than the UDP header: the second VXLAN header could
/// as well be a tunnel's in the tunnel. Three are no tunnel.
#[test]
fn a_second_header_at_the_udp_payload_is_uncertain() {
    let mut packet = packet(3, 400);
    packet.truncate(SHORTEST);
    let (out, frames) = divided(&outer(&payload([&packet, &packet])), Segment::UNKNOWN);
    assert_eq!(out.len(), 0);
    assert_eq!(frames.counters.malformed[Malformed::Coalesced as usize], 1);
    let (out, _) = divided(&outer(&payload([&packet; 3])), Segment::UNKNOWN);
    assert_eq!(out, [400; 3].map(|wirelen| (packet.clone(), wirelen)));
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

/// Datagrams of these payloads, with the VXLAN header before them.
fn pieces(packets: &[&[u8]]) -> Vec<u8> {
    payload(&packets.iter().map(|packet| packet.to_vec()).collect::<Vec<_>>())
}

/// The bytes of the packets in a frame whose capture ends after `present` bytes of the payload.
/// `None` if it is not certain where each begins.
fn found(payload: &[u8], present: usize) -> Option<Vec<Vec<u8>>> {
    let (out, frames) = divided(&outer(payload)[..OUTER + present], Segment::UNKNOWN);
    let unclear = frames.counters.malformed[Malformed::Coalesced as usize];
    (unclear == 0).then(|| out.into_iter().map(|(data, _)| data).collect())
}

fn all_of(payload: &[u8]) -> Option<Vec<Vec<u8>>> {
    found(payload, payload.len())
}

/// IEEE 802.3: a length in place of a type.
fn llc(len: usize) -> Vec<u8> {
    let [high, low] = u16::try_from(len).unwrap().to_be_bytes();
    [&[4; 12][..], &[high, low], &vec![0x42; len]].concat()
}

#[test]
fn a_frame_without_an_inner_header_is_other_traffic() {
    let mut frames = Frames::of_file(&Selection::ANY, u32::MAX);
    frames.unread(&[0; 60]);
    let Counters { received, not_tunnel, tunnel, .. } = *frames.counters();
    assert_eq!((received.packets, received.bytes, not_tunnel, tunnel), (1, 60, 1, 0));
}

#[test]
fn an_empty_payload_is_a_datagram() {
    let (out, frames) = divided(&outer(&[]), Segment::of(100));
    assert_eq!((out.len(), frames.counters.tunnel), (0, 1));
    assert_eq!(frames.counters.malformed[Malformed::VxlanHeader as usize], 1);
}

#[test]
fn packets_with_a_length_in_place_of_a_type_come_out() {
    for (len, count) in [(0, 2), (3, 4), (100, 3)] {
        let packets = vec![llc(len); count];
        assert_eq!(all_of(&payload(&packets)), Some(packets), "{len}");
    }
    // One that holds the VXLAN header of its datagram again.
    let mut packet = llc(100);
    packet[60..68].copy_from_slice(&[8, 0, 0, 0, 0, 0, 7, 0]);
    assert_eq!(all_of(&pieces(&[&packet])), Some(vec![packet]));
}

/// What follows the first packet may be cut off by the capture: up to its IPv6 header (62 bytes),
/// nothing is known about it. A trailer has up to 64 bytes.
#[test]
fn what_follows_a_packet_is_looked_at() {
    let packet = packet(0, 100);
    let first = VXLAN + packet.len();
    let with_trailer = |len| {
        pieces(
            &[&[&packet[..], &vec![1; len]].concat()]
                .repeat(2)
                .iter()
                .map(|packet| &packet[..])
                .collect::<Vec<_>>(),
        )
    };
    let two = with_trailer(5);
    assert_eq!(found(&two, first + 61), Some(vec![packet.clone()]));
    for present in [first + 62, two.len() - 1, two.len()] {
        assert_eq!(found(&two, present), None, "{present}");
    }
    // After an IPv4 header alone, the padding of Ethernet is as long as a VXLAN and an Ethernet
    // header.
    let mut short = packet[..34].to_vec();
    short[16..18].copy_from_slice(&[0, 20]);
    let padded = [&short[..], &[0; 26]].concat();
    let payload = pieces(&[&padded]);
    assert_eq!(found(&payload, 66), Some(vec![short]));
    assert_eq!(all_of(&payload), Some(vec![padded]));
    assert_eq!(all_of(&with_trailer(64)), None);
    assert_eq!(all_of(&with_trailer(65)).unwrap().len(), 1);
}

/// A tap truncates packets to one length, and the first may be just as long.
#[test]
fn a_truncated_packet_may_follow_a_whole_one() {
    let (whole, long) = (packet(0, 100), packet(0, 400));
    let expected = Some(vec![whole.clone(), long[..100].to_vec()]);
    assert_eq!(all_of(&pieces(&[&whole, &long[..100]])), expected);
    assert_eq!(all_of(&pieces(&[&whole, &whole, &long[..70]])), None);
}

#[test]
fn the_last_datagrams_may_be_cut_off() {
    let whole = packet(1, 100);
    let truncated = &packet(1, 400)[..100];
    for packet in [&whole[..], truncated] {
        let payload = pieces(&[packet; 3]);
        let len = VXLAN + packet.len();
        for present in [8, 10, 21] {
            let expected = vec![packet.to_vec(), packet.to_vec(), packet[..present - 8].to_vec()];
            assert_eq!(found(&payload, 2 * len + present), Some(expected), "{present}");
        }
        for present in [0, 4, 7] {
            let expected = Some(vec![packet.to_vec(); 2]);
            assert_eq!(found(&payload, 2 * len + present), expected, "{present}");
        }
    }
    // The second one shows nothing yet.
    let payload = pieces(&[&whole[..]; 3]);
    for present in [0, 10, 21] {
        assert_eq!(found(&payload, VXLAN + whole.len() + present), Some(vec![whole.clone()]));
    }
    // Bytes that are there and are no datagram.
    let other = [pieces(&[&whole[..]; 2]), vec![0; 30]].concat();
    assert_eq!(all_of(&other), None);
}

#[test]
fn datagrams_after_a_truncated_one_are_filled() {
    let truncated = &packet(1, 400)[..100];
    let padded = |len| [packet(1, len), vec![0; 60 - len]].concat();
    for last in [packet(1, 80), padded(54), padded(59)] {
        let expected = vec![truncated.to_vec(), truncated.to_vec(), last.clone()];
        assert_eq!(all_of(&pieces(&[truncated, truncated, &last])), Some(expected));
    }
    // With a trailer, the last one is not, nor if it is truncated to another length.
    for last in [[packet(1, 80), vec![1; 12]].concat(), packet(1, 400)[..70].to_vec()] {
        assert_eq!(all_of(&pieces(&[truncated, truncated, &last])), None);
    }
    // Its IPv4 header says so, also where the capture ends behind that.
    let last = [packet(0, 50), vec![1; 40]].concat();
    assert_eq!(found(&pieces(&[truncated, &last]), 108 + 50), None);
}

/// A second datagram begins with the same VXLAN header. If it has another identifier, it may also be
/// what the first packet carries.
#[test]
fn a_second_header_is_recognized() {
    let truncated = &packet(1, 400)[..100];
    let mut other = packet(1, 100);
    other[12..14].copy_from_slice(&[0x88, 0xcc]);
    let expected = |packet: &[u8]| Some(vec![truncated.to_vec(), packet.to_vec()]);
    let with_vnis = |packet: &[u8], first, second| {
        let mut payload = pieces(&[truncated, packet]);
        payload[6] = first;
        payload[VXLAN + truncated.len() + 6] = second;
        all_of(&payload)
    };
    assert_eq!(with_vnis(&other, 7, 7), expected(&other));
    assert_eq!(with_vnis(truncated, 7, 8), None);
    assert_eq!(with_vnis(truncated, 0, 0), expected(truncated));
    assert_eq!(with_vnis(&other, 7, 8).unwrap().len(), 1);
    // Without an identifier, the same header proves nothing.
    assert_eq!(with_vnis(&other, 0, 0).unwrap().len(), 1);
}

#[test]
fn frames_of_an_interface_begin_as_its_frames_do() {
    let interface = Interface { name: Name::new(b"tun7"), ..Interface::default() };
    let mut frames = Frames::of_interface(&interface, LinkLayer::Ip, &selection(), u32::MAX);
    assert_eq!(frames.interface, "tun7");
    let packets = [packet(0, 100), packet(1, 100)];
    let frame = &outer(&payload(&packets))[14..];
    let mut out = Vec::new();
    let take = |packet: &crate::packet::Packet<'_>| out.push(packet.data.to_vec());
    frames.divide(frame, Segment::of(108), ARRIVAL, take).unwrap();
    assert_eq!(out, packets);
}

#[test]
fn advice_is_given_once() {
    let mut frames = Frames::of_file(&selection(), u32::MAX);
    let uncertain = outer(&pieces(&[&packet(0, 100), &packet(0, 100), &packet(0, 400)[..70]]));
    for told in [false, true] {
        assert_eq!(frames.told, told);
        frames.examine(&uncertain, LinkLayer::Ethernet, ARRIVAL, |_| panic!("a packet")).unwrap();
    }
    assert_eq!(frames.counters.malformed[Malformed::Coalesced as usize], 2);
}
