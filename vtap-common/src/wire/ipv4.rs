//! IPv4 (RFC 791).

use network_types::ip::Ipv4Hdr;

use super::{
    Damaged,
    address::Address,
    frame::{Frame, Header},
    network::{Fragment, Network, Protocol},
};

const MORE_FRAGMENTS: u16 = 0x2000_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0x1fff_u16.to_be();
const MIN_LEN: u32 = <Ipv4Hdr as Header>::LEN;
/// Version 4, and a header without options.
const USUAL_VIHL: u8 = 0x45;

/// Reads the header at `offset`, options included.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Network {
    let Some(header) = frame.header::<Ipv4Hdr>(offset) else {
        return Network::unreadable(Damaged::Ipv4);
    };
    let frags = u16::from_ne_bytes(header.frags);
    if F::FAST_PATH {
        if header.vihl != USUAL_VIHL || frags & (FRAGMENT_OFFSET | MORE_FRAGMENTS) != 0 {
            return Network::unreadable(Damaged::Ipv4);
        }
    } else if header.version() != 4 {
        return Network::unreadable(Damaged::Ipv4);
    }
    // On the fast path the length is a constant, so that the compiler knows the offsets after it.
    let header_len = if F::FAST_PATH { MIN_LEN } else { u32::from(header.ihl()) };
    let fragment = if frags & FRAGMENT_OFFSET != 0 {
        Fragment::LATER
    } else if frags & MORE_FRAGMENTS != 0 {
        Fragment::FIRST
    } else {
        Fragment::NO
    };
    let bad = !F::FAST_PATH && (header_len < MIN_LEN || offset + header_len > frame.len());
    let total_len = u32::from(header.tot_len());
    Network {
        src: Address::v4(header.src_addr),
        dst: Address::v4(header.dst_addr),
        protocol: Protocol(u32::from(header.proto)),
        payload: offset + header_len,
        end: if total_len == 0 && !F::FAST_PATH { 0 } else { offset + total_len },
        fragment,
        damaged: if bad { Some(Damaged::Ipv4) } else { None },
    }
}

const _: () = assert!(MIN_LEN == 20);
