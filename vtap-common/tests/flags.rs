//! Compares the decision on all flags with that of a simple model, which looks at one flag at a
//! time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::{collection::vec, prelude::*};
use vtap_common::{
    select::{
        CRITERIA, Cidr, MAX_VALUES, PacketKeys, Range, Selection, TooManyValues, Wanted, decide,
    },
    wire::{ABSENT, Address},
};

/// A value as a user writes it.
#[derive(Clone, Copy, Debug)]
enum Value {
    Numbers(u32, u32),
    Prefix(IpAddr, u8),
}

impl Value {
    fn wanted(self) -> Wanted {
        match self {
            Self::Numbers(first, last) => Wanted::Number(Range::new(first, last).unwrap()),
            Self::Prefix(ip, length) => Wanted::Prefix(Cidr::new(ip, length).unwrap()),
        }
    }

    fn fits_number(self, number: Option<u32>) -> bool {
        let Self::Numbers(first, last) = self else { panic!("{self:?} is no number") };
        number.is_some_and(|number| (first..=last).contains(&number))
    }

    /// Whether the prefix contains `ip`.
    fn fits_ip(self, ip: IpAddr) -> bool {
        let Self::Prefix(network, length) = self else { panic!("{self:?} is no prefix") };
        match (ip, network) {
            (IpAddr::V4(ip), IpAddr::V4(network)) => {
                length == 0 || (ip.to_bits() ^ network.to_bits()) >> (32 - length) == 0
            }
            (IpAddr::V6(ip), IpAddr::V6(network)) => {
                length == 0 || (ip.to_bits() ^ network.to_bits()) >> (128 - length) == 0
            }
            _ => false,
        }
    }
}

/// A packet in the terms of a user: without `ABSENT` and without network byte order.
#[derive(Clone, Copy, Debug)]
struct Described {
    vni: u32,
    protocol: u32,
    ports: Option<(u32, u32)>,
    outer: (IpAddr, IpAddr),
    inner: (IpAddr, IpAddr),
}

impl Described {
    fn keys(&self) -> PacketKeys {
        let port = |port: Option<u32>| port.map_or(ABSENT, u64::from);
        PacketKeys {
            vni: self.vni.into(),
            outer_src: self.outer.0.into(),
            outer_dst: self.outer.1.into(),
            protocol: self.protocol.into(),
            src: self.inner.0.into(),
            dst: self.inner.1.into(),
            src_port: port(self.ports.map(|ports| ports.0)),
            dst_port: port(self.ports.map(|ports| ports.1)),
            icmp: [ABSENT; 2],
        }
    }

    fn fits(&self, flag: &str, value: Value) -> bool {
        let (src_port, dst_port) = (self.ports.map(|p| p.0), self.ports.map(|p| p.1));
        match flag {
            "vni" => value.fits_number(Some(self.vni)),
            "proto" => value.fits_number(Some(self.protocol)),
            "src-port" => value.fits_number(src_port),
            "dst-port" => value.fits_number(dst_port),
            "inner-port" => value.fits_number(src_port) || value.fits_number(dst_port),
            "outer-src" => value.fits_ip(self.outer.0),
            "outer-dst" => value.fits_ip(self.outer.1),
            "src" => value.fits_ip(self.inner.0),
            "dst" => value.fits_ip(self.inner.1),
            "net" => value.fits_ip(self.inner.0) || value.fits_ip(self.inner.1),
            other => panic!("what is --{other}?"),
        }
    }
}

const NUMBERS: [&str; 5] = ["vni", "proto", "src-port", "dst-port", "inner-port"];
const PREFIXES: [&str; 5] = ["outer-src", "outer-dst", "src", "dst", "net"];

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, Just(0xffff)]
}

fn ip() -> impl Strategy<Value = IpAddr> {
    (any::<bool>(), 0..2_u32, 0..2_u32).prop_map(|(is_v4, first, last)| {
        if is_v4 {
            Ipv4Addr::from_bits(first << 31 | last).into()
        } else {
            Ipv6Addr::from_bits(u128::from(first) << 127 | u128::from(last)).into()
        }
    })
}

fn given() -> impl Strategy<Value = (&'static str, Value)> {
    let numbers = (0..5_usize, number(), number())
        .prop_map(|(flag, a, b)| (NUMBERS[flag], Value::Numbers(a.min(b), a.max(b))));
    let prefixes = (0..5_usize, ip(), prop_oneof![Just(0_u8), Just(1), Just(32), 0..=128_u8])
        .prop_map(|(flag, ip, length)| {
            let length = if ip.is_ipv4() { length.min(32) } else { length };
            (PREFIXES[flag], Value::Prefix(ip, length))
        });
    prop_oneof![numbers, prefixes]
}

fn described() -> impl Strategy<Value = Described> {
    let ports = prop_oneof![Just(None), (number(), number()).prop_map(Some)];
    (number(), number(), ports, (ip(), ip()), (ip(), ip())).prop_map(
        |(vni, protocol, ports, outer, inner)| Described { vni, protocol, ports, outer, inner },
    )
}

#[test]
fn every_flag_is_tested_here() {
    let flags = CRITERIA.iter().filter_map(|criterion| criterion.flag);
    for flag in flags.clone() {
        assert!(NUMBERS.contains(&flag) || PREFIXES.contains(&flag), "--{flag}");
    }
    assert_eq!(flags.count(), NUMBERS.len() + PREFIXES.len());
}

#[test]
fn a_flag_takes_values_of_its_kind() {
    let mut selection = Box::new(Selection::ANY);
    let number = Wanted::Number(Range::just(1));
    let prefix = Wanted::Prefix(Cidr::new([10, 0, 0, 0].into(), 8).unwrap());
    for flag in NUMBERS {
        assert_eq!(selection.flags.add(flag, number), Some(Ok(())), "--{flag}");
        assert_eq!(selection.flags.add(flag, prefix), None, "--{flag}");
    }
    for flag in PREFIXES {
        assert_eq!(selection.flags.add(flag, prefix), Some(Ok(())), "--{flag}");
        assert_eq!(selection.flags.add(flag, number), None, "--{flag}");
    }
    assert_eq!(selection.flags.add("no-such-flag", number), None);
}

#[test]
fn a_flag_takes_so_many_values() {
    let mut selection = Box::new(Selection::ANY);
    assert!(selection.flags.vni.is_empty());
    for value in 0..MAX_VALUES as u32 {
        assert_eq!(selection.flags.vni.len(), value as usize);
        let added = selection.flags.add("vni", Wanted::Number(Range::just(value)));
        assert_eq!(added, Some(Ok(())));
        assert!(!selection.flags.vni.is_empty());
    }
    let added = selection.flags.add("vni", Wanted::Number(Range::just(99)));
    assert_eq!(added, Some(Err(TooManyValues)));
    let packet = |vni| PacketKeys { vni, ..keys_without_anything() };
    assert!(decide(&selection, &packet(0)).capture && decide(&selection, &packet(63)).capture);
    assert!(!decide(&selection, &packet(64)).capture && !decide(&selection, &packet(99)).capture);
}

fn keys_without_anything() -> PacketKeys {
    PacketKeys {
        vni: 0,
        outer_src: Address::NONE,
        outer_dst: Address::NONE,
        protocol: 0,
        src: Address::NONE,
        dst: Address::NONE,
        src_port: ABSENT,
        dst_port: ABSENT,
        icmp: [ABSENT; 2],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn flags_hold_by_their_names(flags in vec(given(), 0..4), packet in described()) {
        let mut selection = Box::new(Selection::ANY);
        for (flag, value) in &flags {
            selection.flags.add(flag, value.wanted()).unwrap().unwrap();
        }
        let expected = flags.iter().all(|(flag, _)| {
            let same = flags.iter().filter(|(other, _)| other == flag);
            same.clone().any(|(_, value)| packet.fits(flag, *value))
        });
        let choice = decide(&selection, &packet.keys());
        prop_assert_eq!(choice.capture, expected);
        prop_assert_eq!(choice.rule, None);
    }
}
