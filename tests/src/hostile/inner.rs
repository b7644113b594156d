//! The mirrored packet.

use fastrand::Rng;

use super::{
    fill,
    network::{ARP, IPV4, IPV6, arp, ethernet, ipv4, ipv6},
    noise, once_in, one_of, outer, put_be16, stated_length,
};

/// ICMP, TCP, UDP, ICMPv6, SCTP, and some of which vtap knows the number only.
const PROTOCOLS: [u8; 10] = [1, 6, 6, 17, 17, 58, 132, 47, 50, 59];
/// MPLS, LLDP, for experiments, and a length (LLC).
const OTHER_TYPES: [u16; 4] = [0x8847, 0x88cc, 0x88b5, 46];
/// Few, so that selections meet them.
const PORTS: [u16; 8] = [22, 23, 53, 80, 443, 4789, 40_000, 65_535];

/// An inner frame.
pub fn frame(out: &mut Vec<u8>, rng: &mut Rng) {
    match rng.u8(..100) {
        0..=44 => {
            ethernet(out, rng, IPV4);
            packet4(out, rng);
        }
        45..=84 => {
            ethernet(out, rng, IPV6);
            packet6(out, rng);
        }
        85..=91 => {
            ethernet(out, rng, ARP);
            arp(out, rng);
        }
        // Mirrored traffic of a tunnel.
        92..=94 => outer::write(out, rng),
        _ => {
            let ether_type = one_of(rng, &OTHER_TYPES);
            ethernet(out, rng, ether_type);
            noise(out, rng, 60);
        }
    }
}

/// An IPv4 packet without link header.
pub fn packet4(out: &mut Vec<u8>, rng: &mut Rng) {
    let protocol = one_of(rng, &PROTOCOLS);
    ipv4(out, rng, protocol, |out, rng| transport(out, rng, protocol));
}

/// An IPv6 packet without link header.
pub fn packet6(out: &mut Vec<u8>, rng: &mut Rng) {
    let protocol = one_of(rng, &PROTOCOLS);
    ipv6(out, rng, protocol, |out, rng| transport(out, rng, protocol));
}

fn transport(out: &mut Vec<u8>, rng: &mut Rng, protocol: u8) {
    let start = out.len();
    match protocol {
        6 | 17 | 132 => {
            out.extend(one_of(rng, &PORTS).to_be_bytes());
            out.extend(one_of(rng, &PORTS).to_be_bytes());
            fill(out, rng, if protocol == 17 { 4 } else { 8 });
            if protocol == 6 {
                tcp_rest(out, rng);
            }
        }
        1 | 58 => {
            out.extend([rng.u8(..16), rng.u8(..4)]);
            fill(out, rng, 6);
        }
        _ => {}
    }
    let most = match rng.u32(..4000) {
        0 => 66_000,
        1..=10 => 9_000,
        11..=400 => 1_400,
        _ => 100,
    };
    noise(out, rng, most);
    if once_in(rng, 4000) {
        // Somewhat more than lengths can tell.
        fill(out, rng, 65_600);
    }
    if protocol == 17 {
        let len = stated_length(rng, out.len() - start);
        put_be16(out, start + 4, len);
    }
}

/// The TCP header from its length on, with options now and then. Few state a wrong length.
fn tcp_rest(out: &mut Vec<u8>, rng: &mut Rng) {
    let words = if once_in(rng, 3) { rng.u8(6..=15) } else { 5 };
    let stated = if once_in(rng, 20) { rng.u8(..16) } else { words };
    out.push(stated << 4);
    fill(out, rng, 4 * usize::from(words) - 13);
}
