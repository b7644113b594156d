//! The tunnel header. It gives the virtual network of the inner packet, and the kind of header that
//! the inner packet begins with.

pub mod vxlan;

use self::vxlan::Vxlan;
use crate::wire::{Bounded, Frame, Slot};

/// The encapsulation that is expected on a tap port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Encapsulation {
    /// VXLAN (RFC 7348). All bits of the header except the I flag and the VNI are ignored.
    Vxlan = 0,
    /// VXLAN-GPE. If the P flag is set, the next-protocol field gives the kind of the payload.
    Gpe = 1,
}

/// The first header of an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkType {
    /// An Ethernet header.
    Ethernet = 0,
    /// An IPv4 or IPv6 header.
    RawIp = 1,
}

/// What is wrong with a tunnel header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BadTunnel {
    /// The datagram ends within the VXLAN header.
    Header,
    /// The I flag is not set.
    Flags,
    /// VXLAN-GPE carries something that vtap does not read (on the fast path: anything).
    Protocol,
}

/// The contents of a VXLAN header, and the position of the inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The last four bytes of the header, in network byte order: the network identifier and a
    /// reserved byte.
    pub word: u32,
    /// Offset of the inner packet in the frame.
    pub payload: u32,
    /// If the inner packet has no link-layer header, its `EtherType` in network byte order. Zero if
    /// it begins with an Ethernet header. (64 bits wide, so that there is no padding; see
    /// [`Matched`](crate::Matched).)
    pub ether_type: u64,
}

impl Tunnel {
    /// Network identifier, 24 bits.
    #[inline(always)]
    #[must_use]
    pub const fn vni(&self) -> u32 {
        vxlan::vni(self.word)
    }

    /// The first header of the inner packet.
    #[inline(always)]
    #[must_use]
    pub const fn link(&self) -> LinkType {
        if self.ether_type == 0 { LinkType::Ethernet } else { LinkType::RawIp }
    }
}

/// Reads the VXLAN header at `offset`. The datagram that contains it ends at `end`.
#[inline(always)]
pub fn parse<F: Frame>(
    frame: &F,
    offset: u32,
    end: u32,
    encapsulation: Encapsulation,
) -> Result<Tunnel, BadTunnel> {
    let gpe = encapsulation == Encapsulation::Gpe;
    let Vxlan { word, ether_type } = vxlan::parse(&Bounded::new(frame, end), offset, gpe)?;
    let payload = u64::from(offset + vxlan::LEN);
    let payload = frame.launder_for_verifier(Slot::Inner, payload) as u32;
    Ok(Tunnel { word, payload, ether_type: u64::from(ether_type) })
}
