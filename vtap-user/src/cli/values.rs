//! The forms of single values.

use std::net::IpAddr;

use crate::escape::name;
use vtap_common::{
    select::{Cidr, Range, TapPort},
    tunnel::{Encapsulation, vxlan},
    wire::Protocol,
};

const MAX_PORT: u32 = 0xffff;
const MAX_VNI: u32 = 0x00ff_ffff;

/// [`vxlan::PORT`] as clap wants it.
pub const DEFAULT_TAP_PORT: &str = "4789";

/// `N[=vxlan|gpe]`.
pub fn tap_port(text: &str) -> Result<TapPort, String> {
    let (number, kind) = text.split_once('=').map_or((text, None), |(n, kind)| (n, Some(kind)));
    let port = number.parse::<u16>().ok().filter(|&port| port != 0);
    let port = port.ok_or("a UDP port is a number from 1 to 65535")?;
    let encapsulation = match kind {
        None if port == vxlan::GPE_PORT => Encapsulation::Gpe,
        Some("gpe") => Encapsulation::Gpe,
        None | Some("vxlan") => Encapsulation::Vxlan,
        Some(other) => return Err(format!("`{}` is neither `vxlan` nor `gpe`", name(other))),
    };
    Ok(TapPort { port: u32::from(port), encapsulation })
}

/// `N` or `A-B` of network identifiers.
pub fn vni_range(text: &str) -> Result<Range, String> {
    range(text, MAX_VNI)
}

/// `N` or `A-B` of ports.
pub fn port_range(text: &str) -> Result<Range, String> {
    range(text, MAX_PORT)
}

fn range(text: &str, max: u32) -> Result<Range, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        let number = text.trim().parse::<u32>().ok().filter(|&number| number <= max);
        number.ok_or_else(|| format!("`{}` is not a number from 0 to {max}", name(text)))
    };
    let (first, last) = (number(first)?, number(last)?);
    Range::new(first, last)
        .ok_or_else(|| format!("the range is empty: {first} is greater than {last}"))
}

/// `ADDRESS[/LENGTH]`.
pub fn cidr(text: &str) -> Result<Cidr, String> {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr =
        address.parse().map_err(|_| format!("`{}` is no IPv4 or IPv6 address", name(address)))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(most), |length| length.parse().ok());
    length
        .and_then(|length| Cidr::new(address, length))
        .ok_or_else(|| format!("the prefix length of {address} is a number from 0 to {most}"))
}

/// A protocol's name or number.
pub fn protocol(text: &str) -> Result<Range, String> {
    let protocol = match text.to_ascii_lowercase().as_str() {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "icmp" => Protocol::ICMP,
        "icmp6" => Protocol::ICMP6,
        "sctp" => Protocol::SCTP,
        "arp" => Protocol::ARP,
        number => Protocol(u32::from(number.parse::<u8>().map_err(
            |_| "use tcp, udp, icmp, icmp6, sctp, arp, or an IP protocol number from 0 to 255",
        )?)),
    };
    Ok(Range::just(protocol.0))
}

/// `TYPE[/CODE]`.
pub fn icmp(text: &str) -> Result<[Range; 2], String> {
    let just = |text: &str| match text.parse::<u8>() {
        Ok(number) => Ok(Range::just(u32::from(number))),
        Err(_) => Err("an ICMP type is a number from 0 to 255, as is the code after its slash"),
    };
    match text.split_once('/') {
        Some((kind, code)) => Ok([just(kind)?, just(code)?]),
        None => Ok([just(text)?, Range::ANY]),
    }
}

/// Bytes, with `K`, `M` or `G` for multiples of 1024; rounded up to what a ring can be.
pub fn ring_size(text: &str) -> Result<u32, String> {
    const MOST: u64 = 1 << 30;
    let (number, shift) = match text.char_indices().last() {
        Some((end, 'k' | 'K')) => (&text[..end], 10),
        Some((end, 'm' | 'M')) => (&text[..end], 20),
        Some((end, 'g' | 'G')) => (&text[..end], 30),
        _ => (text, 0),
    };
    let bytes = number.parse::<u32>().ok().map(|number| u64::from(number) << shift);
    let page = rustix::param::page_size() as u64;
    bytes
        .filter(|bytes| (1..=MOST).contains(bytes))
        .map(|bytes| bytes.next_power_of_two().max(page) as u32)
        .ok_or_else(|| "use a number of bytes up to 1G, such as 65536, 512K or 64M".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_tap_port_is_the_assigned_one() {
        assert_eq!(tap_port(DEFAULT_TAP_PORT).unwrap().port, u32::from(vxlan::PORT));
    }

    #[test]
    fn tap_ports() {
        assert_eq!(tap_port("4790").unwrap().encapsulation, Encapsulation::Gpe);
        assert_eq!(tap_port("4790=vxlan").unwrap().encapsulation, Encapsulation::Vxlan);
        assert_eq!(tap_port("8472=gpe").unwrap().encapsulation, Encapsulation::Gpe);
        for bad in ["", "0", "65536", "-1", "4789=", "4789=nsh", "x"] {
            assert!(tap_port(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(port_range("23"), Ok(Range::just(23)));
        assert_eq!(vni_range("0-16777215"), Ok(Range::new(0, MAX_VNI).unwrap()));
        for bad in ["", "-", "1-", "-1", "9-1", "65536", "1-2-3", "a"] {
            assert!(port_range(bad).is_err(), "{bad}");
        }
        assert!(vni_range("16777216").is_err());
    }

    #[test]
    fn cidrs() {
        let inside = |prefix: &str, address: &str| {
            cidr(prefix).unwrap().contains(&address.parse::<IpAddr>().unwrap().into())
        };
        assert!(inside("10.0.0.0/24", "10.0.0.255"));
        assert!(!inside("10.0.0.0/24", "10.0.1.0"));
        assert!(inside("10.0.0.5", "10.0.0.5"));
        assert!(inside("0.0.0.0/0", "255.255.255.255"));
        assert!(!inside("0.0.0.0/0", "::"));
        assert!(inside("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!inside("2001:db8::/33", "2001:db8:8000::1"));
        assert!(inside("::/0", "::1"));
        assert!(!inside("::/0", "0.0.0.0"));
        for bad in ["", "10.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "a/8"] {
            assert!(cidr(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ring_sizes() {
        assert_eq!(ring_size("1"), Ok(4096));
        assert_eq!(ring_size("5000"), Ok(8192));
        assert_eq!(ring_size("64M"), Ok(64 << 20));
        for bad in ["", "0", "M", "2G", "-1", "1é"] {
            assert!(ring_size(bad).is_err(), "{bad}");
        }
    }
}
