//! Link and network headers, the same for the outer and the inner frame.

use fastrand::Rng;

use super::{fill, noise, once_in, one_of, put_be16, stated_length};

/// `EtherType`s.
pub const IPV4: u16 = 0x0800;
/// Of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Of ARP.
pub const ARP: u16 = 0x0806;

const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// An Ethernet header with up to five tags; vtap follows four.
pub fn ethernet(out: &mut Vec<u8>, rng: &mut Rng, ether_type: u16) {
    out.extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
    if once_in(rng, 4) {
        for _ in 0..rng.u8(1..=5) {
            out.extend(one_of(rng, &TAGS).to_be_bytes());
            out.extend(rng.u16(..).to_be_bytes());
        }
    }
    out.extend(ether_type.to_be_bytes());
}

/// An IPv4 packet of a protocol, with options and as a fragment now and then.
pub fn ipv4(
    out: &mut Vec<u8>,
    rng: &mut Rng,
    protocol: u8,
    body: impl FnOnce(&mut Vec<u8>, &mut Rng),
) {
    let start = out.len();
    let options = if once_in(rng, 5) { rng.usize(1..=10) * 4 } else { 0 };
    let frags = match rng.u8(..100) {
        0..=2 => 0x2000,
        3..=4 => rng.u16(1..0x2000),
        5..=7 => 0x4000,
        _ => 0,
    };
    out.extend([0x45 + (options / 4) as u8, 0, 0, 0, 0, 0]);
    out.extend(frags.to_be_bytes());
    out.extend([64, protocol, 0, 0]);
    out.extend(address4(rng));
    out.extend(address4(rng));
    fill(out, rng, options);
    body(out, rng);
    let len = stated_length(rng, out.len() - start);
    put_be16(out, start + 2, len);
}

/// An IPv6 packet of a protocol, with extension headers now and then.
pub fn ipv6(
    out: &mut Vec<u8>,
    rng: &mut Rng,
    protocol: u8,
    body: impl FnOnce(&mut Vec<u8>, &mut Rng),
) {
    let start = out.len();
    out.extend([0x60, 0, 0, 0, 0, 0, protocol, 64]);
    out.extend(address6(rng));
    out.extend(address6(rng));
    let payload = out.len();
    if once_in(rng, 3) {
        extensions(out, rng, start + 6);
    }
    body(out, rng);
    let len = stated_length(rng, out.len() - payload);
    put_be16(out, start + 4, len);
}

/// Hop-by-hop options, routing, fragment, authentication, destination options, mobility.
const EXTENSIONS: [u8; 6] = [0, 43, 44, 51, 60, 135];
/// Those of up to 2,048 bytes.
const OF_ANY_LENGTH: [u8; 4] = [0, 43, 60, 135];
const LONGEST: usize = 2048;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

/// Extension headers of any kind in any order; vtap follows eight. `next` is the place of the
/// field that announces what is at the end of `out`.
fn extensions(out: &mut Vec<u8>, rng: &mut Rng, mut next: usize) {
    // As many of the longest in the outer and in the inner packet put the transport header beyond
    // the offsets at which the kernel can look.
    let long = once_in(rng, 200) || (out.len() > LONGEST && rng.bool());
    let count = match rng.u8(..8) {
        0 => rng.u8(6..=9),
        _ if long => 8,
        _ => rng.u8(1..=4),
    };
    for _ in 0..count {
        let kind = one_of(rng, if long { &OF_ANY_LENGTH } else { &EXTENSIONS });
        let units = if long { u8::MAX - u8::from(once_in(rng, 20)) } else { rng.u8(..3) };
        let start = out.len();
        out.extend([out[next], units]);
        out[next] = kind;
        next = start;
        let len = match kind {
            // More fragments, or a later one.
            FRAGMENT => {
                let frags = [0, 0, 1, rng.u16(..) & 0xfff9];
                out.extend(one_of(rng, &frags).to_be_bytes());
                8
            }
            AUTHENTICATION => 8 + usize::from(units) * 4,
            _ => 8 + usize::from(units) * 8,
        };
        let rest = start + len - out.len();
        fill(out, rng, rest);
    }
}

/// An ARP packet, now and then not of IPv4 over Ethernet.
pub fn arp(out: &mut Vec<u8>, rng: &mut Rng) {
    let hardware = one_of(rng, &[1, 1, 1, 6]);
    out.extend([0, hardware, 8, 0, 6, 4, 0, 1]);
    out.extend([2, 0, 0, 0, 0, 1]);
    out.extend(address4(rng));
    out.extend([0; 6]);
    out.extend(address4(rng));
    noise(out, rng, 18);
}

/// Few, so that selections meet them.
fn address4(rng: &mut Rng) -> [u8; 4] {
    if once_in(rng, 20) {
        return rng.u32(..).to_be_bytes();
    }
    [10, 0, rng.u8(..4), rng.u8(..8)]
}

fn address6(rng: &mut Rng) -> [u8; 16] {
    if once_in(rng, 20) {
        return rng.u128(..).to_be_bytes();
    }
    let mut address = [0x20, 1, 0xd, 0xb8, 0, rng.u8(..4), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    address[15] = rng.u8(..8);
    address
}
