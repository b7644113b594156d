//! Frames that hold several datagrams, or that may hold several, as bytes written by hand.

use vtap_common::{
    Outcome,
    abi::{Counters, Malformed, Segment, Traffic},
    examine, examine_datagram, examine_fast,
    fast_path::FastFrame,
    outer::Datagram,
    select::{Range, Selection, TapPort},
    tunnel::Encapsulation,
    wire::{Address, Damaged, LinkLayer},
};

/// Ethernet, IPv4 and UDP.
const OUTER: usize = 42;
const VXLAN: [u8; 8] = [8, 0, 0, 0, 0, 0, 7, 0];

fn selection() -> Box<Selection> {
    let mut selection = Box::new(Selection::ANY);
    let tap = TapPort { port: 4789, encapsulation: Encapsulation::Vxlan };
    selection.tap_ports.push(tap).unwrap();
    selection
}

fn be16(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

/// Ethernet, IPv4 and UDP to `port`, whose lengths are those of `payload_len` bytes.
fn headers(port: u16, payload_len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(be16(28 + payload_len));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, 2, 10, 9, 0, 2, 0xc0, 0]);
    frame.extend(port.to_be_bytes());
    frame.extend(be16(8 + payload_len));
    frame.extend([0, 0]);
    frame
}

fn outer(payload: &[u8]) -> Vec<u8> {
    [&headers(4789, payload.len())[..], payload].concat()
}

/// The payload of an outer datagram: VXLAN and an inner UDP packet whose headers state `len` bytes
/// from the VXLAN header on.
fn datagram(len: usize) -> Vec<u8> {
    let mut payload = [&VXLAN[..], &headers(53, len - 8 - OUTER)].concat();
    payload.resize(len, 1);
    payload
}

/// Examines the frame, also on the fast path.
fn run(frame: &[u8], segment: Segment) -> (Outcome, Counters) {
    let selection = selection();
    let mut counters = Counters::ZERO;
    let outcome = examine(&frame, LinkLayer::Ethernet, segment, &selection, &mut counters);
    let mut fast_counters = Counters::ZERO;
    let fast = FastFrame::new(frame)
        .and_then(|fast| examine_fast(&fast, segment, &selection, &mut fast_counters));
    match fast {
        Some(fast) => assert_eq!((fast, fast_counters), (outcome, counters)),
        None => assert_eq!(fast_counters, Counters::ZERO),
    }
    (outcome, counters)
}

/// Whether the frame is left to be split.
fn divides(payload: &[u8], segment: Segment) -> bool {
    let frame = outer(payload);
    let (outcome, counters) = run(&frame, segment);
    let received = Traffic { packets: 1, bytes: frame.len() as u64 };
    match outcome {
        Outcome::Coalesced(len) => {
            assert_eq!(len as usize, payload.len());
            assert_eq!(counters, Counters { received, ..Counters::ZERO });
            true
        }
        Outcome::Matched(_) => {
            assert_eq!((counters.received, counters.tunnel), (received, 1));
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_known_segment_divides_a_longer_payload() {
    let payload = datagram(100).repeat(2);
    for (len, expected) in [(50, true), (100, true), (199, true), (200, false), (201, false)] {
        assert_eq!(divides(&payload, Segment::of(len)), expected, "{len}");
    }
    assert!(divides(&payload, Segment::UNKNOWN) && !divides(&payload, Segment::WHOLE));
    // Of one datagram with a known length, nothing is guessed: bytes after the packet are padding.
    let padded = [datagram(100), vec![0; 100]].concat();
    assert!(divides(&padded, Segment::UNKNOWN));
    assert!(!divides(&padded, Segment::of(200)));
}

/// The shortest datagram is a VXLAN header and an Ethernet header: 22 bytes.
#[test]
fn a_packet_leaves_room_for_another() {
    let followed_by = |len| [datagram(100), vec![0; len]].concat();
    for (len, expected) in [(0, false), (1, false), (21, false), (22, true), (500, true)] {
        assert_eq!(divides(&followed_by(len), Segment::UNKNOWN), expected, "{len}");
    }
}

/// The packet may be longer, or give no length. A payload that two of the shortest datagrams
/// (22 bytes each) fit in may be two of them.
#[test]
fn a_payload_that_may_be_two_datagrams_is_divided() {
    let truncated = |len: usize| datagram(1000)[..len].to_vec();
    let without_length = |len: usize| {
        let lldp = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc];
        let mut payload = [&VXLAN[..], &lldp].concat();
        payload.resize(len, 0);
        payload
    };
    for (len, expected) in [(42, false), (43, false), (44, true), (45, true), (500, true)] {
        assert_eq!(divides(&truncated(len), Segment::UNKNOWN), expected, "truncated: {len}");
        assert_eq!(divides(&without_length(len), Segment::UNKNOWN), expected, "no length: {len}");
    }
    // By one byte.
    assert!(divides(&datagram(100)[..99], Segment::UNKNOWN));
    assert!(!divides(&datagram(100), Segment::UNKNOWN));
}

/// A datagram of `payload`, described as whoever splits a frame does.
fn described(payload: &[u8]) -> Datagram {
    let len = payload.len() as u32;
    Datagram {
        payload: 0,
        end: len,
        wire_end: len,
        src: Address::v4([10, 0, 1, 2]),
        dst: Address::v4([10, 9, 0, 2]),
        src_port: u64::from(0xc000_u16.to_be()),
        encapsulation: Encapsulation::Vxlan,
    }
}

#[test]
fn each_datagram_of_a_frame_is_counted_but_not_as_received() {
    let run = |payload: &[u8], selection: &Selection| {
        let mut counters = Counters::ZERO;
        let datagram = described(payload);
        (examine_datagram(&payload, &datagram, selection, &mut counters), counters)
    };
    let any = selection();
    let payload = datagram(100);
    let (outcome, counters) = run(&payload, &any);
    let Outcome::Matched(found) = outcome else { panic!("{outcome:?}") };
    assert_eq!(found.datagram, described(&payload));
    assert_eq!((found.tunnel.vni(), found.tunnel.payload), (7, 8));
    assert_eq!((found.inner.src_port, found.inner.dst_port, found.inner.len), (0xc000, 53, 92));
    let matched = Traffic { packets: 1, bytes: 92 };
    assert_eq!(counters, Counters { tunnel: 1, matched, ..Counters::ZERO });

    // Truncated within the UDP header.
    let (outcome, counters) = run(&payload[..49], &any);
    assert!(matches!(outcome, Outcome::Matched(_)), "{outcome:?}");
    let mut expected = Counters { tunnel: 1, matched, ..Counters::ZERO };
    expected.damaged[Damaged::Transport as usize] = 1;
    assert_eq!(counters, expected);

    let mut other = selection();
    other.flags.vni.push(Range::just(8)).unwrap();
    let (outcome, counters) = run(&payload, &other);
    assert_eq!(outcome, Outcome::Filtered);
    assert_eq!(counters, Counters { tunnel: 1, filtered: 1, ..Counters::ZERO });

    let without_flag = [&[0; 8], &payload[8..]].concat();
    for (payload, reason) in
        [(&payload[..7], Malformed::VxlanHeader), (&without_flag, Malformed::VxlanFlags)]
    {
        let (outcome, counters) = run(payload, &any);
        assert_eq!(outcome, Outcome::Malformed(reason));
        let mut expected = Counters { tunnel: 1, ..Counters::ZERO };
        expected.malformed[reason as usize] = 1;
        assert_eq!(counters, expected);
    }
}
