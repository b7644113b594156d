//! Which frames the fast path takes. That its results are those of the slow path, other tests say.

use etherparse::PacketBuilder;
use vtap_common::{
    Outcome,
    abi::{Counters, Segment},
    examine, examine_fast,
    fast_path::FastFrame,
    select::{Range, Selection, TapPort},
    tunnel::Encapsulation,
    wire::LinkLayer,
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const A: [u8; 4] = [10, 0, 0, 5];
const B: [u8; 4] = [10, 0, 1, 2];

fn selection() -> Box<Selection> {
    let mut selection = Box::new(Selection::ANY);
    for (port, encapsulation) in [(4789, Encapsulation::Vxlan), (4790, Encapsulation::Gpe)] {
        selection.tap_ports.push(TapPort { port, encapsulation }).unwrap();
    }
    selection
}

fn ipv4() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2(MAC, MAC).ipv4(A, B, 64)
}

fn udp(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    ipv4().udp(53, 5353).write(&mut frame, payload).unwrap();
    frame
}

/// A TCP segment with so many bytes of options.
fn tcp(options: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = ipv4().tcp(53, 5353, 1, 2).options_raw(&vec![1; options]).unwrap();
    builder.write(&mut frame, b"payload").unwrap();
    frame
}

fn mirrored(port: u16, inner: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let payload = [&[8, 0, 0, 0, 0, 0, 7, 0], inner].concat();
    ipv4().udp(50_000, port).write(&mut frame, &payload).unwrap();
    frame
}

/// What the fast path says, if it takes the frame.
fn fast(frame: &[u8], selection: &Selection) -> Option<Outcome> {
    let mut counters = Counters::ZERO;
    let fast = FastFrame::new(frame)?;
    let outcome = examine_fast(&fast, Segment::WHOLE, selection, &mut counters);
    let mut slow_counters = Counters::ZERO;
    if let Some(outcome) = outcome {
        let layer = LinkLayer::Ethernet;
        let slow = examine(&frame, layer, Segment::WHOLE, selection, &mut slow_counters);
        assert_eq!(outcome, slow);
    }
    assert_eq!(counters, slow_counters);
    outcome
}

#[test]
fn the_most_common_form_takes_the_fast_path() {
    let selection = selection();
    for inner in [udp(b""), udp(b"payload"), udp(&[0; 1400]), tcp(0), tcp(12), tcp(40)] {
        let outcome = fast(&mirrored(4789, &inner), &selection);
        assert!(matches!(outcome, Some(Outcome::Matched(_))), "{outcome:?}: {inner:02x?}");
        // The tap has truncated the packet, but only its payload.
        let outcome = fast(&mirrored(4789, &inner[..inner.len().min(100)]), &selection);
        assert!(matches!(outcome, Some(Outcome::Matched(_))), "{outcome:?}: {inner:02x?}");
    }
    let mut other = selection;
    other.flags.dst_port.push(Range::just(1)).unwrap();
    assert_eq!(fast(&mirrored(4789, &udp(b"")), &other), Some(Outcome::Filtered));
}

#[test]
fn other_forms_do_not() {
    let taken = |frame: &[u8]| fast(frame, &selection()).is_some();
    // Of the outer frame.
    assert!(!taken(&mirrored(4788, &udp(b""))) && !taken(&mirrored(4790, &udp(b""))));
    assert!(!taken(&udp(&[0; 200])));
    let changed = |offset: usize, bytes: &[u8]| {
        let mut frame = mirrored(4789, &tcp(0));
        frame[offset..offset + bytes.len()].copy_from_slice(bytes);
        frame
    };
    assert!(taken(&changed(0, &[])));
    for (offset, bytes) in [
        (12, &[0x86, 0xdd][..]),
        (12, &[0x81, 0]),
        (14, &[0x46]),
        (14, &[0x65]),
        (20, &[0x20]),
        (21, &[1]),
        (23, &[6]),
        // The VXLAN header.
        (42, &[0]),
        // The same of the inner packet.
        (62, &[0x86, 0xdd]),
        (62, &[0x81, 0]),
        (62, &[8, 6]),
        (64, &[0x46]),
        (64, &[0x65]),
        (70, &[0x20]),
        (71, &[1]),
        (73, &[1]),
        // The length of the TCP header.
        (96, &[0x40]),
        (96, &[0xf0]),
    ] {
        assert!(!taken(&changed(offset, bytes)), "{offset}: {bytes:02x?}");
    }
}

/// The headers are 92 bytes. The frame ends where the outer UDP header says.
#[test]
fn the_length_must_fit() {
    let shortest = mirrored(4789, &udp(b""));
    assert_eq!(shortest.len(), 92);
    let fits = |frame: &[u8]| FastFrame::new(frame).is_some();
    assert!(fits(&shortest) && fits(&mirrored(4789, &udp(b"x"))));
    assert!(!fits(&mirrored(4789, &udp(b"")[..41])) && !fits(&mirrored(4789, b"")));
    assert!(!fits(&shortest[..91]) && !fits(&[&shortest[..], &[0]].concat()));
    for len in 0..92 {
        assert!(!fits(&shortest[..len]), "{len}");
    }
}
