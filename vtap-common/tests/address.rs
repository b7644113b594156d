//! Compares addresses and prefixes with those of the standard library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vtap_common::{select::Cidr, wire::Address};

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
    ]
}

/// The bits of an address, those of an IPv4 address at the top.
fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn lies_within(ip: IpAddr, network: IpAddr, length: u8) -> bool {
    let differs = bits(ip) ^ bits(network);
    ip.is_ipv4() == network.is_ipv4() && differs.leading_zeros() >= u32::from(length)
}

#[test]
fn addresses_are_converted_both_ways() {
    for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8:1:2:3:4:5:6"] {
        let ip: IpAddr = text.parse().unwrap();
        assert_eq!(Address::from(ip).to_ip(), Some(ip));
    }
    assert_eq!(Address::from(IpAddr::from([10, 1, 2, 3])), Address::v4([10, 1, 2, 3]));
    assert_eq!(Address::NONE.to_ip(), None);
}

#[test]
fn lengths_of_prefixes_have_a_limit() {
    for (text, most) in [("10.0.0.0", 32), ("2001:db8::", 128)] {
        let ip = text.parse().unwrap();
        assert!((0..=most).all(|length| Cidr::new(ip, length).is_some()), "{text}");
        assert!((most + 1..=255).all(|length| Cidr::new(ip, length).is_none()), "{text}");
    }
}

/// Differences in several parts of an address do not cancel each other.
#[test]
fn an_address_that_differs_everywhere_is_outside() {
    let zero6 = Cidr::new(Ipv6Addr::UNSPECIFIED.into(), 128).unwrap();
    assert!(zero6.contains(&Address::v6([0; 16])));
    assert!(!zero6.contains(&Address::v6([1; 16])));
    // V4 and V6 differ only in the bit with value 2, and so do these addresses from zero. If the
    // differences were combined wrongly, they would cancel each other.
    let zero4 = Cidr::new(Ipv4Addr::UNSPECIFIED.into(), 32).unwrap();
    let mut two = [0; 16];
    two[8..].copy_from_slice(&2_u64.to_ne_bytes());
    assert!(!zero4.contains(&Address::v6(two)));
    assert!(!zero6.contains(&Address::v4(2_u32.to_ne_bytes())));
    assert!(Cidr::ANY.contains(&Address::NONE) && !zero4.contains(&Address::NONE));
}

proptest! {
    #[test]
    fn prefixes_hold_what_begins_alike(
        network in ip(), other in ip(), length in 0..=128_u8, flipped in 0..128_u32,
    ) {
        let most = if network.is_ipv4() { 32 } else { 128 };
        let length = length.min(most);
        let cidr = Cidr::new(network, length).unwrap();
        // An address that differs from the network in one bit.
        let near = match network {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() ^ (1 << (flipped % 32))).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() ^ (1 << flipped)).into(),
        };
        for ip in [network, near, other] {
            let expected = lies_within(ip, network, length);
            prop_assert_eq!(cidr.contains(&Address::from(ip)), expected, "{} in {}/{}", ip, network, length);
        }
    }
}
