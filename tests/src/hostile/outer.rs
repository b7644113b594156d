//! The frame from the wire: a datagram to a tap port, or close to one.

use fastrand::Rng;

use super::{
    inner,
    network::{IPV4, IPV6, ethernet, ipv4, ipv6},
    noise, once_in, one_of, put_be16, stated_length,
};

/// Tap ports of the selections that are tested, mostly.
const PORTS: [u16; 8] = [4789, 4789, 4789, 4789, 4790, 4790, 4790, 8472];
const UDP: u8 = 17;

/// A whole frame.
pub fn write(out: &mut Vec<u8>, rng: &mut Rng) {
    let protocol = if once_in(rng, 40) { rng.u8(..) } else { UDP };
    if rng.bool() {
        ethernet(out, rng, IPV4);
        ipv4(out, rng, protocol, udp);
    } else {
        ethernet(out, rng, IPV6);
        ipv6(out, rng, protocol, udp);
    }
    if once_in(rng, 8) {
        // Padding, or what a driver leaves behind the frame.
        noise(out, rng, 24);
    }
}

fn udp(out: &mut Vec<u8>, rng: &mut Rng) {
    let start = out.len();
    let port = if once_in(rng, 40) { rng.u16(..) } else { one_of(rng, &PORTS) };
    out.extend(rng.u16(..).to_be_bytes());
    out.extend(port.to_be_bytes());
    out.extend([0; 4]);
    vxlan(out, rng, port == 4790);
    let len = stated_length(rng, out.len() - start);
    put_be16(out, start + 4, len);
}

/// The I flag; with GBP's G; with GPE's P; with all that is reserved; without I.
const FLAGS: [u8; 6] = [0x08, 0x08, 0x08, 0x88, 0x0c, 0xff];
const I: u8 = 0x08;

fn vxlan(out: &mut Vec<u8>, rng: &mut Rng, gpe: bool) {
    let mut flags = one_of(rng, &FLAGS);
    if gpe && rng.bool() {
        flags = 0x0c;
    }
    if once_in(rng, 40) {
        flags &= !I;
    }
    // IPv4, IPv6, Ethernet, NSH, and one that there is not.
    let next = one_of(rng, &[1, 1, 2, 2, 3, 3, 4, 9]);
    let vni = if once_in(rng, 10) { rng.u32(..) } else { rng.u32(..16) << 8 };
    out.extend([flags, 0, 0, next]);
    out.extend(vni.to_be_bytes());
    let start = out.len();
    match next {
        1 if gpe => inner::packet4(out, rng),
        2 if gpe => inner::packet6(out, rng),
        _ => inner::frame(out, rng),
    }
    if once_in(rng, 10) {
        // As a tap cuts it; often within the headers.
        let most = (out.len() - start).min(if rng.bool() { 80 } else { usize::MAX });
        let keep = rng.usize(..=most);
        out.truncate(start + keep);
    }
}
