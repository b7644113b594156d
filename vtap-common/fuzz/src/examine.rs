//! What must hold whatever a frame contains. The fuzz target uses this, and so does the test that
//! replays its seeds and regressions (`tests/fuzz.rs`).
//!
//! An input is one byte that chooses the selection, one byte each for the lengths of the first two
//! pieces that the frame is split into, and the frame.

use std::ops::Deref;

use vtap_common::{
    Matched, Outcome,
    abi::{Counters, ProtocolClass, Segment},
    examine, examine_fast,
    fast_path::FastFrame,
    outer::{self, Datagram},
    select::{Cidr, Range, Rule, Selection, TapPort},
    tunnel::Encapsulation,
    wire::{Frame, Header, LinkLayer, MAX_HEADER_OFFSET},
};

/// Checks one input.
pub fn check(input: &[u8]) {
    let [choice, one, other, frame @ ..] = input else { return };
    let selection = selection(*choice);
    let (outcome, counters) = each_way(frame, [*one, *other], Segment::WHOLE, &selection);
    for segment in [Segment::UNKNOWN, Segment::of(u32::from(*one) + 1)] {
        each_way(frame, [*one, *other], segment, &selection);
    }
    assert_eq!(counters.coalesced, 0);
    if let Outcome::Matched(matched) = &outcome {
        lies_within(matched, frame);
        record_keeps(matched);
    }
    tail_is_ignored(frame, &selection, &outcome);
}

/// However the frame is read, the outcome is the same.
fn each_way(
    frame: &[u8],
    split: [u8; 2],
    segment: Segment,
    selection: &Selection,
) -> (Outcome, Counters) {
    let (outcome, counters) = run(&frame, segment, selection);
    accounts_hold(&counters, frame.len(), &outcome);
    let pieces = Pieces::new(frame, split);
    assert_eq!(run(&pieces, segment, selection), (outcome, counters), "in pieces");
    fast_path_is_the_same(frame, segment, selection, &(outcome, counters));
    (outcome, counters)
}

fn run<F: Frame>(frame: &F, segment: Segment, selection: &Selection) -> (Outcome, Counters) {
    let mut counters = Counters::ZERO;
    let outcome = examine(frame, LinkLayer::Ethernet, segment, selection, &mut counters);
    (outcome, counters)
}

/// If the fast path takes a frame, its result is that of the slow path. If not, it counts nothing.
fn fast_path_is_the_same(
    frame: &[u8],
    segment: Segment,
    selection: &Selection,
    long: &(Outcome, Counters),
) {
    let mut counters = Counters::ZERO;
    let fast = FastFrame::new(frame);
    match fast.and_then(|fast| examine_fast(&fast, segment, selection, &mut counters)) {
        Some(outcome) => assert_eq!(&(outcome, counters), long, "on the fast path"),
        None => assert_eq!(counters, Counters::ZERO, "counted, but not taken"),
    }
}

/// Each bit of `choice` adds values for a flag, or rules.
fn selection(choice: u8) -> Box<Selection> {
    let mut selection = Box::new(Selection::ANY);
    for (port, encapsulation) in [(4789, Encapsulation::Vxlan), (4790, Encapsulation::Gpe)] {
        selection.tap_ports.push(TapPort { port, encapsulation }).expect("room");
    }
    let has = |bit: u8| choice & 1 << bit != 0;
    let low = Range::new(0, 1000).expect("a range");
    let net4 = Cidr::new([10, 0, 0, 0].into(), 9).expect("a prefix");
    let net6 = Cidr::new([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0].into(), 33).expect("a prefix");
    if has(0) {
        selection.flags.vni.push(low).expect("room");
    }
    if has(1) {
        selection.flags.protocol.push(Range::just(6)).expect("room");
        selection.flags.protocol.push(Range::just(0x100)).expect("room");
    }
    if has(2) {
        selection.flags.inner_port.push(low).expect("room");
    }
    for (bit, list) in [
        (3, &mut selection.flags.outer_src),
        (4, &mut selection.flags.src),
        (5, &mut selection.flags.net),
    ] {
        if has(bit) {
            list.push(net4).expect("room");
            list.push(net6).expect("room");
        }
    }
    let mut rules = Vec::new();
    if has(6) {
        rules.push(Rule { icmp: [low, Range::ANY], ..Rule::any(false) });
        rules.push(Rule { dst_port: low, dst: net4, ..Rule::any(true) });
    }
    if has(7) {
        rules.push(Rule::any(true));
    }
    assert!(selection.rules.set(&rules), "room");
    selection
}

/// A frame is counted once, under its outcome.
fn accounts_hold(counters: &Counters, len: usize, outcome: &Outcome) {
    let Counters { received, not_tunnel, tunnel, malformed, damaged, .. } = counters;
    let Counters { filtered, matched, lost, rules, .. } = counters;
    assert_eq!((received.packets, received.bytes), (1, len as u64));
    // The datagrams of a coalesced frame are not counted yet.
    let left = u64::from(matches!(outcome, Outcome::Coalesced(_)));
    assert_eq!(received.packets, not_tunnel + tunnel + left);
    let malformed_sum: u64 = malformed.iter().sum();
    assert_eq!(*tunnel, malformed_sum + filtered + matched.packets);
    assert!(damaged.iter().sum::<u64>() <= filtered + matched.packets);
    assert_eq!(lost.iter().sum::<u64>(), 0);
    assert!(rules.iter().sum::<u64>() <= filtered + matched.packets);
    match outcome {
        Outcome::NotTunnel => assert_eq!(*not_tunnel, 1),
        Outcome::Malformed(reason) => assert_eq!(malformed[*reason as usize], 1),
        Outcome::Filtered => assert_eq!(*filtered, 1),
        Outcome::Coalesced(payload_len) => assert!(*payload_len > 0),
        Outcome::Matched(found) => {
            assert_eq!((matched.packets, matched.bytes), (1, u64::from(found.wirelen())));
            let header = found.inner.damage.header();
            assert_eq!(damaged.iter().sum::<u64>(), u64::from(header.is_some()));
            assert!(header.is_none_or(|header| damaged[header as usize] == 1));
        }
    }
}

/// All offsets that were found are in the frame, and in the order of the layers.
fn lies_within(matched: &Matched, frame: &[u8]) {
    let Matched { datagram, tunnel, inner } = matched;
    let Datagram { payload, end, wire_end, .. } = *datagram;
    assert!(payload < tunnel.payload && tunnel.payload <= end && end <= wire_end);
    assert!(end as usize <= frame.len());
    assert_eq!(tunnel.payload + inner.len, end);
    assert!(matched.wirelen() >= inner.len);
    assert!(tunnel.vni() <= 0x00ff_ffff);
}

/// A record's header gives back what was put into it.
fn record_keeps(matched: &Matched) {
    let Matched { datagram, tunnel, inner } = matched;
    let header = matched.record_header(inner.len, 1, 2);
    assert_eq!((header.caplen, header.wirelen), (inner.len, matched.wirelen()));
    assert_eq!((header.vni(), header.link()), (tunnel.vni(), tunnel.link()));
    assert_eq!(header.class(), ProtocolClass::of(inner.protocol));
    assert_eq!((header.outer_src(), header.outer_dst()), (datagram.src, datagram.dst));
    assert_eq!(u64::from(header.outer_src_port().to_be()), datagram.src_port);
}

/// Bytes after the datagram (padding or a driver's trailer) do not affect the outcome: the frame is
/// checked without them and with other ones.
fn tail_is_ignored(frame: &[u8], selection: &Selection, outcome: &Outcome) {
    let Ok(Datagram { end, .. }) = outer::parse(&frame, LinkLayer::Ethernet, selection) else {
        return;
    };
    let (datagram, tail) = frame.split_at(end as usize);
    if tail.is_empty() {
        return;
    }
    assert_eq!(
        run(&datagram, Segment::WHOLE, selection).0,
        *outcome,
        "without the bytes behind the datagram"
    );
    let other: Vec<u8> = tail.iter().map(|byte| !byte).collect();
    let frame = [datagram, &other].concat();
    assert_eq!(
        run(&&frame[..], Segment::WHOLE, selection).0,
        *outcome,
        "with others behind the datagram"
    );
}

/// A frame in three pieces. Headers are copied out of it, as the kernel side does with a frame that
/// has several buffers.
struct Pieces<'a>([&'a [u8]; 3]);

impl<'a> Pieces<'a> {
    fn new(frame: &'a [u8], lens: [u8; 2]) -> Self {
        let [one, other] = lens.map(usize::from);
        let (first, rest) = frame.split_at(one.min(frame.len()));
        let (second, third) = rest.split_at(other.min(rest.len()));
        Self([first, second, third])
    }
}

/// A header by value.
struct Copied<T>(T);

impl<T> Deref for Copied<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl Frame for Pieces<'_> {
    type Ref<'a, T: Header + 'a>
        = Copied<T>
    where
        Self: 'a;

    fn len(&self) -> u32 {
        self.0.iter().map(Frame::len).sum()
    }

    fn header<T: Header>(&self, offset: u32) -> Option<Copied<T>> {
        if offset > MAX_HEADER_OFFSET {
            return None;
        }
        let bytes = self.0.iter().copied().flatten().copied();
        let bytes: Vec<u8> = bytes.skip(offset as usize).take(size_of::<T>()).collect();
        if bytes.len() < size_of::<T>() {
            return None;
        }
        // SAFETY: as long as `T`, read unaligned; `Header` promises that any bytes are a value.
        Some(Copied(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() }))
    }
}
