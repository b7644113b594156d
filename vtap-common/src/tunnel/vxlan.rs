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

/// What a header says.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan {
    /// The word that holds the network identifier, as it lies in memory; see [`vni`].
    pub word: u32,
    /// `EtherType` of a payload without link header, as it would lie in memory; zero if the payload is
    /// an Ethernet frame.
    pub ether_type: u32,
}

/// Reads the header at `offset`, as VXLAN-GPE or not.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32, gpe: bool) -> Result<Vxlan, BadTunnel> {
    let header = frame.header::<VxlanHdr>(offset).ok_or(BadTunnel::Header)?;
    if !header.vni_present() {
        return Err(BadTunnel::Flags);
    }
    if F::FAST_PATH && gpe {
        return Err(BadTunnel::Protocol);
    }
    let ether_type = if gpe && header.flags & P_FLAG != 0 {
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

/// The network identifier, 24 bits, in a header's word.
#[inline(always)]
#[must_use]
pub const fn vni(word: u32) -> u32 {
    u32::from_be(word) >> 8
}

/// GPE: the header has a next-protocol field.
const P_FLAG: u8 = 0x04;
// Values of that field.
const NEXT_IPV4: u8 = 1;
const NEXT_IPV6: u8 = 2;
const NEXT_ETHERNET: u8 = 3;
