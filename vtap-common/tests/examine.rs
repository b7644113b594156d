//! Tests `examine` with frames that etherparse builds and with random ones.

use etherparse::{IpNumber, PacketBuilder};
use proptest::{collection::vec, prelude::*};
use vtap_common::{
    Matched, Outcome,
    abi::{Counters, Malformed, ProtocolClass, Segment},
    examine,
    select::{CRITERIA, Cidr, Range, Rule, Selection, Syntax, TapPort, Wanted},
    tunnel::{Encapsulation, LinkType},
    wire::{ABSENT, Address, Damaged, LinkLayer, Protocol},
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const A: [u8; 4] = [10, 0, 0, 5];
const B: [u8; 4] = [10, 0, 1, 2];
const A6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
const B6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn selection() -> Box<Selection> {
    let mut selection = Box::new(Selection::ANY);
    for (port, encapsulation) in [(4789, Encapsulation::Vxlan), (4790, Encapsulation::Gpe)] {
        selection.tap_ports.push(TapPort { port, encapsulation }).unwrap();
    }
    selection
}

fn run(frame: &[u8], selection: &Selection) -> (Outcome, Counters) {
    let mut counters = Counters::ZERO;
    let outcome = examine(&frame, LinkLayer::Ethernet, Segment::WHOLE, selection, &mut counters);
    (outcome, counters)
}

fn matched(frame: &[u8]) -> Matched {
    match run(frame, &selection()).0 {
        Outcome::Matched(matched) => matched,
        other => panic!("{other:?}"),
    }
}

fn udp_frame(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(MAC, MAC).ipv4(A, B, 64).udp(ports.0, ports.1);
    builder.write(&mut frame, payload).unwrap();
    frame
}

/// A frame with this next header. It is set after the frame is built, because for some values
/// etherparse would write a header by itself.
fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(MAC, MAC).ipv6(A6, B6, 64);
    builder.write(&mut frame, IpNumber::EXPERIMENTAL_AND_TESTING_0, payload).unwrap();
    frame[14 + 6] = next_header;
    frame
}

fn vxlan(port: u16, header: [u8; 8], inner: &[u8]) -> Vec<u8> {
    udp_frame((1000, port), &[&header, inner].concat())
}

fn mirrored(inner: &[u8]) -> Vec<u8> {
    vxlan(4789, [8, 0, 0, 0, 0, 0, 7, 0], inner)
}

#[test]
fn each_rule_counts_the_packets_that_it_decides() {
    let mut selection = selection();
    let port = |port| Range::just(port);
    assert!(selection.rules.set(&[
        Rule { dst_port: port(53), ..Rule::any(true) },
        Rule { dst_port: port(80), ..Rule::any(false) },
        Rule { src_port: port(9), ..Rule::any(true) },
    ]));
    let mut counters = Counters::ZERO;
    for (ports, times) in [((1, 53), 3), ((9, 53), 1), ((9, 80), 2), ((9, 1), 5), ((1, 1), 7)] {
        let frame = mirrored(&udp_frame(ports, b""));
        for _ in 0..times {
            examine(
                &frame.as_slice(),
                LinkLayer::Ethernet,
                Segment::WHOLE,
                &selection,
                &mut counters,
            );
        }
    }
    assert_eq!(counters.rules[..4], [4, 2, 5, 0]);
    assert_eq!((counters.tunnel, counters.matched.packets, counters.filtered), (18, 9, 9));
}

#[test]
fn an_inner_packet_is_found_with_its_keys() {
    let inner = udp_frame((53, 5353), b"payload");
    let frame = mirrored(&inner);
    let found = matched(&frame);
    assert_eq!(found.wirelen() as usize, inner.len());
    let Matched { datagram, tunnel, inner: found } = found;
    assert_eq!((datagram.src, datagram.dst), (Address::v4(A), Address::v4(B)));
    assert_eq!((datagram.src_port, tunnel.vni()), (u64::from(1000_u16.to_be()), 7));
    assert_eq!(tunnel.link(), LinkType::Ethernet);
    let start = tunnel.payload as usize;
    assert_eq!(&frame[start..start + found.len as usize], inner);
    assert_eq!((found.protocol, found.src_port, found.dst_port), (Protocol::UDP, 53, 5353));
    assert_eq!((found.src, found.dst), (Address::v4(A), Address::v4(B)));
    assert_eq!((found.icmp_type, found.icmp_code), (ABSENT, ABSENT));
}

#[test]
fn gpe_tells_what_it_carries_but_only_on_its_ports() {
    let ip = &udp_frame((1, 2), b"x")[14..];
    let raw = matched(&vxlan(4790, [0x0c, 0, 0, 1, 0, 0, 9, 0], ip));
    assert_eq!((raw.tunnel.link(), raw.inner.protocol), (LinkType::RawIp, Protocol::UDP));
    let raw = matched(&vxlan(4790, [0x0c, 0, 0, 2, 0, 0, 9, 0], &ipv6(59, b"x")[14..]));
    assert_eq!((raw.tunnel.link(), raw.inner.src), (LinkType::RawIp, Address::v6(A6)));
    let frame = udp_frame((1, 2), b"x");
    let ethernet = matched(&vxlan(4790, [0x0c, 0, 0, 3, 0, 0, 9, 0], &frame));
    assert_eq!(ethernet.tunnel.link(), LinkType::Ethernet);
    let without_p = matched(&vxlan(4790, [0x08, 0, 0, 1, 0, 0, 9, 0], &frame));
    assert_eq!(without_p.tunnel.link(), LinkType::Ethernet);
    // RFC 7348 has no P bit: it is reserved and ignored.
    let plain = matched(&vxlan(4789, [0x0c, 0, 0, 1, 0, 0, 9, 0], &frame));
    assert_eq!(plain.tunnel.link(), LinkType::Ethernet);
    let nsh = run(&vxlan(4790, [0x0c, 0, 0, 4, 0, 0, 9, 0], ip), &selection()).0;
    assert!(matches!(nsh, Outcome::Malformed(Malformed::GpeProtocol)), "{nsh:?}");
}

#[test]
fn a_cut_packet_keeps_its_length_on_the_wire() {
    let inner = udp_frame((1, 2), &[0; 1000]);
    let cut = matched(&mirrored(&inner[..64]));
    assert_eq!((cut.inner.len, cut.wirelen() as usize), (64, inner.len()));
    // Ethernet padding is part of the frame.
    let padded = [udp_frame((1, 2), b""), vec![0; 18]].concat();
    let padded = matched(&mirrored(&padded));
    assert_eq!((padded.inner.len, padded.wirelen()), (60, 60));
    // Cut by the capture of the outer frame.
    let frame = mirrored(&inner);
    let cut = matched(&frame[..200]);
    assert_eq!((cut.inner.len as usize, cut.wirelen() as usize), (200 - 50, inner.len()));
}

#[test]
fn a_cut_packet_without_link_header_keeps_its_length_too() {
    let ip = &udp_frame((1, 2), &[0; 1000])[14..];
    let cut = matched(&vxlan(4790, [0x0c, 0, 0, 1, 0, 0, 9, 0], &ip[..64]));
    assert_eq!((cut.inner.len, cut.wirelen() as usize), (64, ip.len()));
}

#[test]
fn tags_of_every_kind_are_followed_up_to_four() {
    let frame = udp_frame((53, 5353), b"x");
    let tagged = |tags: &[u16]| {
        let tags = tags.iter().flat_map(|kind| [&kind.to_be_bytes()[..], &[0, 1]].concat());
        [frame[..12].to_vec(), tags.collect(), frame[12..].to_vec()].concat()
    };
    let kinds = [0x8100, 0x88a8, 0x9100, 0x8100, 0x8100];
    for count in 0..=4 {
        let inner = tagged(&kinds[..count]);
        assert_eq!(matched(&mirrored(&inner)).inner.dst_port, 5353, "{count} tags");
        let outer = mirrored(&frame);
        let tags = tagged(&kinds[..count])[12..12 + 4 * count].to_vec();
        let outer = [outer[..12].to_vec(), tags, outer[12..].to_vec()].concat();
        assert_eq!(matched(&outer).inner.dst_port, 5353, "{count} tags outside");
    }
    let inner = matched(&mirrored(&tagged(&kinds))).inner;
    assert_eq!((inner.damage.header(), inner.dst_port), (Some(Damaged::Vlan), ABSENT));
}

#[test]
fn a_super_frame_states_no_length() {
    let mut frame = mirrored(&udp_frame((1, 2), &[0; 100]));
    frame[16..18].fill(0);
    frame[38..40].fill(0);
    assert_eq!(matched(&frame).inner.len, 142);
}

#[test]
fn extension_headers_are_followed() {
    let mut payload = Vec::new();
    let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination = [43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let routing = [51, 0, 0, 0, 0, 0, 0, 0];
    let authentication = [44, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let fragment = [17, 0, 0, 0, 0, 0, 0, 1];
    let udp = [0, 53, 0, 99, 0, 8, 0, 0];
    for part in [&hop_by_hop[..], &destination, &routing, &authentication, &fragment, &udp] {
        payload.extend(part);
    }
    let mut inner = ipv6(0, &payload);
    let found = matched(&mirrored(&inner)).inner;
    assert_eq!((found.protocol, found.src_port, found.dst_port), (Protocol::UDP, 53, 99));
    assert_eq!((found.src, found.dst), (Address::v6(A6), Address::v6(B6)));

    let later = inner.len() - 8 - 5;
    inner[later] = 8;
    let found = matched(&mirrored(&inner)).inner;
    assert_eq!((found.protocol, found.src_port), (Protocol::UDP, ABSENT));
}

#[test]
fn too_many_extension_headers_are_damage() {
    let mut payload = [0, 0, 1, 4, 0, 0, 0, 0].repeat(8);
    let with = |payload: &[u8]| matched(&mirrored(&ipv6(0, payload))).inner;
    payload[56] = 59;
    assert_eq!(with(&payload).damage.header(), None);
    assert_eq!(with(&payload).protocol, Protocol(59));
    payload[56] = 0;
    payload.extend([59, 0, 1, 4, 0, 0, 0, 0]);
    let inner = with(&payload);
    assert_eq!(inner.damage.header(), Some(Damaged::Ipv6Extension));
    assert_eq!((inner.protocol, inner.src), (Protocol::OTHER, Address::v6(A6)));
}

#[test]
fn a_record_header_keeps_what_it_is_given() {
    let matched = matched(&mirrored(&udp_frame((1, 2), b"x")));
    let header = matched.record_header(43, 123, 70_000);
    assert_eq!((header.timestamp, header.caplen, header.wirelen), (123, 43, 43));
    assert_eq!((header.vni(), header.link()), (7, LinkType::Ethernet));
    assert_eq!(header.class(), ProtocolClass::Udp);
    assert_eq!((header.outer_src(), header.outer_dst()), (Address::v4(A), Address::v4(B)));
    assert_eq!((header.outer_src_port(), header.rx_queue), (1000, 70_000_u32 as u16));
}

#[test]
fn ranges_hold_their_ends() {
    let range = Range::new(5, 10).unwrap();
    let inside: Vec<_> = (0..20).filter(|value| range.contains(*value)).collect();
    assert_eq!(inside, [5, 6, 7, 8, 9, 10]);
    assert!(Range::new(6, 5).is_none());
    assert!(!Range::new(0, 0xffff).unwrap().contains(ABSENT));
    assert!(Range::ANY.contains(ABSENT) && Cidr::ANY.contains(&Address::NONE));
    assert!(!Cidr::new([0, 0, 0, 0].into(), 0).unwrap().contains(&Address::NONE));
}

fn header_starts() -> impl Strategy<Value = Vec<u8>> {
    let ether_types = prop_oneof![
        Just([0x08, 0x00]),
        Just([0x86, 0xdd]),
        Just([0x08, 0x06]),
        Just([0x81, 0x00]),
        any::<[u8; 2]>()
    ];
    (vec(any::<u8>(), 12), ether_types, vec(any::<u8>(), 0..200)).prop_map(|(macs, kind, rest)| {
        let mut frame = macs;
        frame.extend(kind);
        // Often put a valid version where the IP header begins.
        frame.push(if kind == [0x86, 0xdd] { 0x60 } else { 0x45 });
        frame.extend(rest);
        frame
    })
}

/// Values of this kind, of which many packets have one.
fn wanted(syntax: Syntax) -> Wanted {
    let up_to = |last| Range::new(0, last).unwrap();
    match syntax {
        Syntax::Vni => Wanted::Number(up_to(8)),
        Syntax::Port => Wanted::Number(up_to(0xf000)),
        Syntax::Protocol => Wanted::Number(up_to(17)),
        Syntax::Cidr => Wanted::Prefix(Cidr::new([0, 0, 0, 0].into(), 1).unwrap()),
        Syntax::Icmp => Wanted::Pair([up_to(8), up_to(0xff)]),
    }
}

/// A selection in which every flag is given.
fn every_flag() -> Box<Selection> {
    let mut selection = selection();
    for criterion in CRITERIA {
        if let Some(flag) = criterion.flag {
            selection.flags.add(flag, wanted(criterion.syntax)).unwrap().unwrap();
        }
    }
    selection
}

/// A selection with a rule for every criterion that rules can have.
fn every_rule() -> Box<Selection> {
    let mut selection = selection();
    let rules: Vec<_> = CRITERIA
        .iter()
        .filter_map(|criterion| Some((criterion.word?, criterion.syntax)))
        .enumerate()
        .map(|(place, (word, syntax))| {
            let mut rule = Rule::any(place % 2 == 0);
            rule.set(word, wanted(syntax)).unwrap();
            rule
        })
        .collect();
    assert!(selection.rules.set(&rules));
    selection
}

fn accounts_hold(counters: &Counters) {
    let Counters { received, coalesced, not_tunnel, tunnel, malformed, .. } = counters;
    let Counters { damaged, filtered, matched, lost, rules, .. } = counters;
    assert_eq!(*coalesced, 0);
    assert_eq!(received.packets, not_tunnel + tunnel);
    assert_eq!(*tunnel, malformed.iter().sum::<u64>() + filtered + matched.packets);
    assert!(damaged.iter().sum::<u64>() <= filtered + matched.packets);
    assert_eq!(lost.iter().sum::<u64>(), 0);
    assert!(rules.iter().sum::<u64>() <= *tunnel);
}

proptest! {
    /// Any frame is counted exactly once, and every offset that is found is inside the frame.
    #[test]
    fn any_frame_is_accounted_for(
        frame in prop_oneof![
            vec(any::<u8>(), 0..200),
            header_starts(),
            header_starts().prop_map(|inner| mirrored(&inner)),
            header_starts().prop_map(|inner| vxlan(4790, [0x0c, 0, 0, 2, 0, 0, 9, 0], &inner[14..])),
        ],
        cut in any::<prop::sample::Index>(),
        flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut frame = frame;
        if !frame.is_empty() {
            frame.truncate(cut.index(frame.len() * 2) + 1);
            let at = flip.0.index(frame.len());
            frame[at] ^= flip.1;
        }
        for selection in [selection(), every_flag(), every_rule()] {
            let (outcome, counters) = run(&frame, &selection);
            accounts_hold(&counters);
            prop_assert_eq!(counters.received.packets, 1);
            if let Outcome::Matched(found) = outcome {
                prop_assert!(found.wirelen() >= found.inner.len);
                let Matched { tunnel, inner, .. } = found;
                prop_assert!((tunnel.payload + inner.len) as usize <= frame.len());
                prop_assert!(tunnel.vni() <= 0x00ff_ffff);
            }
        }
    }

    /// What etherparse encodes is read back.
    #[test]
    fn agrees_with_etherparse(
        ports in any::<(u16, u16)>(),
        v6 in any::<bool>(),
        vlan in prop::option::of(0_u16..4096),
        addresses in any::<([u8; 16], [u8; 16])>(),
        payload in vec(any::<u8>(), 0..300),
    ) {
        let ethernet = PacketBuilder::ethernet2(MAC, MAC);
        let short = |long: [u8; 16]| [long[0], long[1], long[2], long[3]];
        let (src, dst) = addresses;
        let mut inner = Vec::new();
        let tag = |id| etherparse::VlanId::try_new(id).unwrap();
        let builder = match (vlan, v6) {
            (None, false) => ethernet.ipv4(short(src), short(dst), 64),
            (None, true) => ethernet.ipv6(src, dst, 64),
            (Some(id), false) => ethernet.single_vlan(tag(id)).ipv4(short(src), short(dst), 64),
            (Some(id), true) => ethernet.single_vlan(tag(id)).ipv6(src, dst, 64),
        };
        builder.tcp(ports.0, ports.1, 1, 2).write(&mut inner, &payload).unwrap();
        let found = matched(&mirrored(&inner));
        prop_assert_eq!(found.wirelen() as usize, inner.len());
        let found = found.inner;
        let expected = if v6 {
            (Address::v6(src), Address::v6(dst))
        } else {
            (Address::v4(short(src)), Address::v4(short(dst)))
        };
        prop_assert_eq!((found.src, found.dst), expected);
        prop_assert_eq!((found.src_port, found.dst_port), (ports.0.into(), ports.1.into()));
        prop_assert_eq!(found.protocol, Protocol::TCP);
        prop_assert_eq!(found.len as usize, inner.len());
    }
}
