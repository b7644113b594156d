//! Compares the lookup of rules with a simple model that tries one rule after the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*};
use vtap_common::{
    select::{
        CRITERIA, Cidr, Kind as _, MAX_RULES, PacketKeys, Pair, Range, Rule, Selection, Wanted,
        decide,
    },
    wire::{ABSENT, Address, Protocol},
};

fn fits(rule: &Rule, keys: &PacketKeys) -> bool {
    rule.src.contains(&keys.src)
        && rule.dst.contains(&keys.dst)
        && rule.src_port.contains(keys.src_port)
        && rule.dst_port.contains(keys.dst_port)
        && rule.vni.contains(keys.vni)
        && rule.protocol.contains(keys.protocol)
        && rule.icmp[0].contains(keys.icmp[0])
        && rule.icmp[1].contains(keys.icmp[1])
}

/// Values near the ends and near each other, so that rules overlap, touch and repeat.
fn value(most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![0..6_u32, Just(most), (most - 5)..=most, 0..=most]
}

fn range(most: u32) -> impl Strategy<Value = Range> {
    prop_oneof![
        Just(Range::ANY),
        value(most).prop_map(Range::just),
        (value(most), value(most)).prop_map(|(a, b)| Range::new(a.min(b), a.max(b)).unwrap()),
    ]
}

fn ip() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![value(u32::MAX), value(255).prop_map(|host| 0x0a00_0000 | host)];
    let word = || value(u32::MAX);
    prop_oneof![
        v4.prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        (word(), word(), word(), word()).prop_map(|(a, b, c, d)| {
            let words = [a, b, c, d].into_iter();
            Ipv6Addr::from_bits(words.fold(0, |bits, word| bits << 32 | u128::from(word))).into()
        }),
    ]
}

fn cidr() -> impl Strategy<Value = Cidr> {
    prop_oneof![
        Just(Cidr::ANY),
        (ip(), 0..=128_u8).prop_map(|(ip, len)| {
            Cidr::new(ip, if ip.is_ipv4() { len.min(32) } else { len }).unwrap()
        }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let ports = (range(0xffff), range(0xffff));
    let icmp = [range(255), range(255)];
    (cidr(), cidr(), ports, range(0xff_ffff), range(0x101), icmp, any::<bool>()).prop_map(
        |(src, dst, (src_port, dst_port), vni, protocol, icmp, include)| {
            // Each rule has at most three criteria. With more, hardly any rule would ever match.
            let ports = Rule { src_port, dst_port, protocol, ..Rule::any(include) };
            let rest = Rule { src, dst, vni, ..Rule::any(include) };
            match (src_port == dst_port, include) {
                (true, _) => Rule { icmp, vni, ..Rule::any(include) },
                (_, true) => ports,
                _ => rest,
            }
        },
    )
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![Just(Address::NONE), ip().prop_map(Address::from)]
}

fn packet() -> impl Strategy<Value = PacketKeys> {
    let port = || prop_oneof![value(0xffff).prop_map(u64::from), Just(ABSENT)];
    let icmp = || prop_oneof![value(255).prop_map(u64::from), Just(ABSENT)];
    let ports = (port(), port());
    (address(), address(), ports, value(0xff_ffff), value(0x101), [icmp(), icmp()]).prop_map(
        |(src, dst, (src_port, dst_port), vni, protocol, icmp)| PacketKeys {
            vni: u64::from(vni),
            protocol: u64::from(protocol),
            src,
            dst,
            src_port,
            dst_port,
            icmp,
            ..NO_KEYS
        },
    )
}

const NO_KEYS: PacketKeys = PacketKeys {
    vni: 0,
    outer_src: Address::NONE,
    outer_dst: Address::NONE,
    protocol: Protocol::OTHER.0 as u64,
    src: Address::NONE,
    dst: Address::NONE,
    src_port: ABSENT,
    dst_port: ABSENT,
    icmp: [ABSENT; 2],
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn first_rule_that_fits_decides(
        rules in vec(rule(), 1..=MAX_RULES),
        packets in vec(packet(), 200),
    ) {
        let mut selection = Box::new(Selection::ANY);
        prop_assert!(selection.rules.set(&rules));
        for packet in &packets {
            let first = rules.iter().position(|rule| fits(rule, packet));
            let decision = decide(&selection, packet);
            prop_assert_eq!(decision.rule, first.map(|rule| rule as u64));
            prop_assert_eq!(decision.capture, first.is_some_and(|rule| rules[rule].include));
        }
    }
}

#[test]
fn all_boundaries_at_once() {
    // Every rule has two ports of its own, with a gap of two before the next.
    let rules: Vec<_> = (0..MAX_RULES as u32)
        .map(|n| Rule { dst_port: Range::new(10 + 4 * n, 11 + 4 * n).unwrap(), ..Rule::any(true) })
        .collect();
    let mut selection = Box::new(Selection::ANY);
    assert!(selection.rules.set(&rules));
    for dst_port in 0..600 {
        let place = (dst_port >= 10 && (dst_port - 10) % 4 < 2).then(|| (dst_port - 10) / 4);
        let keys = PacketKeys { dst_port, ..NO_KEYS };
        let expected = place.filter(|place| *place < MAX_RULES as u64);
        assert_eq!(decide(&selection, &keys).rule, expected, "port {dst_port}");
    }
    assert!(!selection.rules.set(&vec![Rule::any(true); MAX_RULES + 1]));
}

#[test]
fn a_rule_holds_by_its_words() {
    let number = |value| Wanted::Number(Range::just(value));
    let host = |last| Cidr::new([10, 0, 0, last].into(), 32).unwrap();
    let pair = |kind, code| Wanted::Pair([Range::just(kind), Range::just(code)]);
    let packet = PacketKeys {
        vni: 1,
        protocol: 2,
        src_port: 3,
        dst_port: 4,
        src: Address::v4([10, 0, 0, 5]),
        dst: Address::v4([10, 0, 0, 6]),
        icmp: [7, 8],
        ..NO_KEYS
    };
    // For each word, a value that the packet has and some that it does not have.
    let words = [
        ("vni", number(1), vec![number(0), number(2)]),
        ("proto", number(2), vec![number(1), number(3)]),
        ("src-port", number(3), vec![number(4)]),
        ("dst-port", number(4), vec![number(3)]),
        ("src", Wanted::Prefix(host(5)), vec![Wanted::Prefix(host(6))]),
        ("dst", Wanted::Prefix(host(6)), vec![Wanted::Prefix(host(5))]),
        ("icmp-type", pair(7, 8), vec![pair(7, 7), pair(8, 8), pair(8, 7)]),
    ];
    let known = CRITERIA.iter().filter_map(|criterion| criterion.word);
    assert!(known.eq(words.iter().map(|(word, ..)| *word)));
    let matches = |word: &str, wanted: Wanted| {
        let mut rule = Rule::any(true);
        rule.set(word, wanted)?;
        let mut selection = Box::new(Selection::ANY);
        assert!(selection.rules.set(&[rule]));
        Some(decide(&selection, &packet).capture)
    };
    for (word, right, wrong) in &words {
        assert_eq!(matches(word, *right), Some(true), "{word}");
        assert!(wrong.iter().all(|wrong| matches(word, *wrong) == Some(false)), "{word}");
        for (other, value, _) in &words {
            let is_alike = std::mem::discriminant(right) == std::mem::discriminant(value);
            assert_eq!(matches(word, *value).is_some(), is_alike, "{word} and {other}");
        }
    }
    assert_eq!(matches("no-such-word", number(1)), None);
}

#[test]
fn both_numbers_of_a_pair_must_fit() {
    let wanted = [Range::just(8), Range::new(0, 3).unwrap()];
    assert_eq!(Pair::mismatch(&wanted, &[8, 3]), 0);
    for other in [[8, 4], [7, 3], [7, 4], [8, ABSENT], [ABSENT, ABSENT]] {
        assert_ne!(Pair::mismatch(&wanted, &other), 0, "{other:?}");
    }
    assert_eq!(Pair::mismatch(&Pair::ANY, &[ABSENT, ABSENT]), 0);
}
