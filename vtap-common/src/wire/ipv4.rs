//! IPv4 (RFC 791).

use network_types::ip::Ipv4Hdr;

use super::{
    BadHeader,
    address::Address,
    frame::{Frame, Header},
    network::{Fragment, Network, Protocol},
};

const MORE_FRAGMENTS: u16 = 0x2000_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0x1fff_u16.to_be();

/// Reads the header at `offset`, options included.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Network, BadHeader> {
    let header = frame.header::<Ipv4Hdr>(offset).ok_or(BadHeader::Ipv4)?;
    let header_len = u32::from(header.ihl());
    if header.version() != 4 || header_len < Ipv4Hdr::LEN as u32 {
        return Err(BadHeader::Ipv4);
    }
    if F::FAST_PATH && header_len != Ipv4Hdr::LEN as u32 {
        return Err(BadHeader::Ipv4);
    }
    if offset + header_len > frame.len() {
        return Err(BadHeader::Ipv4);
    }
    let frags = u16::from_ne_bytes(header.frags);
    let fragment = if frags & FRAGMENT_OFFSET != 0 {
        Fragment::Later
    } else if frags & MORE_FRAGMENTS != 0 {
        Fragment::First
    } else {
        Fragment::No
    };
    if F::FAST_PATH && fragment != Fragment::No {
        return Err(BadHeader::Ipv4);
    }
    Ok(Network {
        src: Address::v4(header.src_addr),
        dst: Address::v4(header.dst_addr),
        protocol: Protocol(u32::from(header.proto)),
        payload: offset + header_len,
        len: u32::from(header.tot_len()),
        fragment,
    })
}

const _: () = assert!(<Ipv4Hdr as Header>::LEN == 20);
