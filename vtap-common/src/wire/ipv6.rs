//! IPv6 and its extension headers (RFC 8200; authentication header: RFC 4302).

use network_types::ip::{IpProto, Ipv6Hdr};

use super::{
    Damaged,
    address::Address,
    frame::{Bounded, Frame, Header, Slot},
    network::{Fragment, Network, Protocol},
};

/// The most extension headers that are followed. RFC 8200 section 4.1 allows each kind once, and
/// the destination options twice.
pub const MAX_EXTENSIONS: u32 = 8;

const MORE_FRAGMENTS: u16 = 0x0001_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0xfff8_u16.to_be();

/// Reads the header at `offset` and the extension headers after it.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Network {
    let Some(header) = frame.header::<Ipv6Hdr>(offset) else {
        return Network::unreadable(Damaged::Ipv6);
    };
    if header.version() != 6 {
        return Network::unreadable(Damaged::Ipv6);
    }
    let payload = offset + <Ipv6Hdr as Header>::LEN;
    let payload_len = u32::from(header.payload_len());
    let mut network = Network {
        src: Address::v6(header.src_addr),
        dst: Address::v6(header.dst_addr),
        protocol: Protocol(u32::from(header.next_hdr)),
        payload,
        end: if payload_len == 0 { 0 } else { payload + payload_len },
        fragment: Fragment::NO,
        damaged: None,
    };
    if is_extension(network.protocol) && follow_extensions(frame, &mut network).is_none() {
        network.protocol = Protocol::OTHER;
        network.damaged = Some(Damaged::Ipv6Extension);
    }
    network
}

/// Moves `network` past the extension headers. Returns `None` if one is truncated, or if there are
/// too many.
#[inline(always)]
fn follow_extensions<F: Frame>(frame: &F, network: &mut Network) -> Option<()> {
    let end = network.present_end(frame.len());
    let end = frame.launder_for_verifier(Slot::Ipv6End, u64::from(end)) as u32;
    let frame = &Bounded::new(frame, end);
    let mut more_fragments = 0;
    for _ in 0..MAX_EXTENSIONS {
        if !is_extension(network.protocol) {
            break;
        }
        let header = frame.header::<[u8; 8]>(network.payload)?;
        let [next, len, frag_high, frag_low, ..] = *header;
        let kind = u64::from(network.protocol.0);
        let frags = u64::from(u16::from_ne_bytes([frag_high, frag_low])) * equal(kind, FRAGMENT);
        network.protocol = Protocol(u32::from(next));
        let payload = u64::from(network.payload) + extension_len(kind, u64::from(len));
        network.payload = frame.launder_for_verifier(Slot::Transport, payload) as u32;
        if network.payload > end {
            return None;
        }
        if frags & u64::from(FRAGMENT_OFFSET) != 0 {
            network.fragment = Fragment::LATER;
            return Some(());
        }
        more_fragments |= frags & u64::from(MORE_FRAGMENTS);
    }
    if more_fragments != 0 {
        network.fragment = Fragment::FIRST;
    }
    if is_extension(network.protocol) { None } else { Some(()) }
}

const HOP_BY_HOP: u64 = IpProto::HopOpt as u64;
const ROUTING: u64 = IpProto::Ipv6Route as u64;
const FRAGMENT: u64 = IpProto::Ipv6Frag as u64;
const AUTHENTICATION: u64 = IpProto::Ah as u64;
const DESTINATION_OPTIONS: u64 = IpProto::Ipv6Opts as u64;
const MOBILITY: u64 = IpProto::MobilityHeader as u64;

// The functions below use arithmetic instead of a branch on the kind of header. The verifier would
// follow every branch again in each of the `MAX_EXTENSIONS` iterations.

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

/// Length in bytes of an extension header whose length field is `len`. The field counts units of
/// 8 bytes (4 in the authentication header) and leaves out the first 8 bytes. The fragment header
/// has no such field and is 8 bytes long.
#[inline(always)]
#[must_use]
pub const fn extension_len(kind: u64, len: u64) -> u64 {
    let unit = 8 - 4 * equal(kind, AUTHENTICATION) - 8 * equal(kind, FRAGMENT);
    8 + len * unit
}

/// Returns one if the two are equal, else zero. Both must be less than 2^63.
#[inline(always)]
const fn equal(a: u64, b: u64) -> u64 {
    (a ^ b).wrapping_sub(1) >> 63
}
