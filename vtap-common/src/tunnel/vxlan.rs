//! VXLAN (RFC 7348) and VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).

use network_types::{eth::EtherType, vxlan::VxlanHdr};

use super::BadTunnel;
use crate::wire::{Frame, Header};

// SAFETY: a `repr(C)` struct of bytes and byte arrays only.
unsafe impl Header for VxlanHdr {}

/// The UDP port that IANA assigned to VXLAN.
pub const PORT: u16 = 4789;
/// The UDP port that IANA assigned to VXLAN-GPE.
pub const GPE_PORT: u16 = 4790;

/// Bytes of the header.
pub const LEN: u32 = <VxlanHdr as Header>::LEN;

/// The contents of a VXLAN header.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan {
    /// The last four bytes of the header, in network byte order. [`vni`] extracts the network
    /// identifier.
    pub word: u32,
    /// If the payload has no link-layer header, its `EtherType` in network byte order. Zero if the
    /// payload is an Ethernet frame.
    pub ether_type: u32,
}

/// Reads the header at `offset`. `gpe` says whether it is a VXLAN-GPE header.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32, gpe: bool) -> Result<Vxlan, BadTunnel> {
    let header = frame.header::<VxlanHdr>(offset).ok_or(BadTunnel::Header)?;
    if !header.vni_present() {
        return Err(BadTunnel::Flags);
    }
    // The fast path does not read VXLAN-GPE, whose payload may be a bare IP packet. An error here
    // only sends the frame to the slow path.
    if F::FAST_PATH && gpe {
        return Err(BadTunnel::Protocol);
    }
    let ether_type = if gpe && header.flags & P_FLAG != 0 {
        // The last reserved byte of a VXLAN header is the next-protocol field of VXLAN-GPE.
        match header._reserved1[2] {
            NEXT_IPV4 => EtherType::Ipv4 as u32,
            NEXT_IPV6 => EtherType::Ipv6 as u32,
            NEXT_ETHERNET => 0,
            _ => return Err(BadTunnel::Protocol),
        }
    } else {
        0
    };
    let [a, b, c] = header.vni;
    Ok(Vxlan { word: u32::from_ne_bytes([a, b, c, header._reserved2]), ether_type })
}

/// Extracts the network identifier (24 bits) from the last four bytes of a header.
#[inline(always)]
#[must_use]
pub const fn vni(word: u32) -> u32 {
    u32::from_be(word) >> 8
}

/// The VXLAN-GPE flag that says that the next-protocol field is present.
const P_FLAG: u8 = 0x04;
// Values of the next-protocol field.
const NEXT_IPV4: u8 = 1;
const NEXT_IPV6: u8 = 2;
const NEXT_ETHERNET: u8 = 3;
