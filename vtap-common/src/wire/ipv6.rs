//! IPv6 and its extension headers (RFC 8200; authentication header: RFC 4302).

use network_types::ip::{IpProto, Ipv6Hdr};

use super::{
    BadHeader,
    address::Address,
    frame::{Frame, Header, Slot},
    network::{Fragment, Network, Protocol},
};

/// Extension headers that are followed. RFC 8200 section 4.1 has one of each kind at most, and
/// destination options twice.
pub const MAX_EXTENSIONS: u32 = 8;

const MORE_FRAGMENTS: u16 = 0x0001_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0xfff8_u16.to_be();

/// Reads the header at `offset` and the extension headers behind it.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Network, BadHeader> {
    let header = frame.header::<Ipv6Hdr>(offset).ok_or(BadHeader::Ipv6)?;
    if header.version() != 6 {
        return Err(BadHeader::Ipv6);
    }
    let payload_len = u32::from(header.payload_len());
    let mut network = Network {
        src: Address::v6(header.src_addr),
        dst: Address::v6(header.dst_addr),
        protocol: Protocol(u32::from(header.next_hdr)),
        payload: offset + <Ipv6Hdr as Header>::LEN,
        len: if payload_len == 0 { 0 } else { payload_len + <Ipv6Hdr as Header>::LEN },
        fragment: Fragment::No,
    };
    if is_extension(network.protocol) {
        follow_extensions(frame, &mut network)?;
    }
    Ok(network)
}

#[inline(always)]
fn follow_extensions<F: Frame>(frame: &F, network: &mut Network) -> Result<(), BadHeader> {
    let mut more_fragments = 0;
    for _ in 0..MAX_EXTENSIONS {
        if !is_extension(network.protocol) {
            break;
        }
        let header = frame.header::<[u8; 8]>(network.payload).ok_or(BadHeader::Ipv6Extension)?;
        let [next, len, frag_high, frag_low, ..] = *header;
        let kind = u64::from(network.protocol.0);
        let frags = u64::from(u16::from_ne_bytes([frag_high, frag_low])) * equal(kind, FRAGMENT);
        network.protocol = Protocol(u32::from(next));
        let end = u64::from(network.payload) + extension_len(kind, u64::from(len));
        network.payload = frame.launder_for_verifier(Slot::Transport, end) as u32;
        if frags & u64::from(FRAGMENT_OFFSET) != 0 {
            network.fragment = Fragment::Later;
            return Ok(());
        }
        more_fragments |= frags & u64::from(MORE_FRAGMENTS);
    }
    if more_fragments != 0 {
        network.fragment = Fragment::First;
    }
    if is_extension(network.protocol) {
        return Err(BadHeader::Ipv6Extension);
    }
    Ok(())
}

const HOP_BY_HOP: u64 = IpProto::HopOpt as u64;
const ROUTING: u64 = IpProto::Ipv6Route as u64;
const FRAGMENT: u64 = IpProto::Ipv6Frag as u64;
const AUTHENTICATION: u64 = IpProto::Ah as u64;
const DESTINATION_OPTIONS: u64 = IpProto::Ipv6Opts as u64;
const MOBILITY: u64 = IpProto::MobilityHeader as u64;

// What follows has no branch per kind of header: the verifier would follow each of them, in each
// of the eight places that a header can have.

/// Whether `protocol` is an extension header that is followed.
#[inline(always)]
#[must_use]
pub fn is_extension(protocol: Protocol) -> bool {
    let kind = u64::from(protocol.0);
    equal(kind, HOP_BY_HOP)
        | equal(kind, ROUTING)
        | equal(kind, FRAGMENT)
        | equal(kind, AUTHENTICATION)
        | equal(kind, DESTINATION_OPTIONS)
        | equal(kind, MOBILITY)
        != 0
}

/// Length of an extension header whose length field is `len`: that counts 8 octets, in the
/// authentication header 4, and the first 8 octets never; the fragment header has always 8.
#[inline(always)]
#[must_use]
pub const fn extension_len(kind: u64, len: u64) -> u64 {
    let unit = 8 - 4 * equal(kind, AUTHENTICATION) - 8 * equal(kind, FRAGMENT);
    8 + len * unit
}

/// 1 where the two are equal, else 0. Both are far below 2^63.
#[inline(always)]
const fn equal(a: u64, b: u64) -> u64 {
    (a ^ b).wrapping_sub(1) >> 63
}
