//! The tunnel header: which network a datagram belongs to, and what it carries.

pub mod vxlan;

use self::vxlan::Vxlan;
use crate::wire::{Bounded, Frame, Slot};

/// How the datagrams of a tap port are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Encapsulation {
    /// RFC 7348: all bits but the I flag and the VNI are ignored.
    Vxlan = 0,
    /// VXLAN-GPE: where the P flag is set, a field says what the payload is.
    Gpe = 1,
}

/// What the inner packet begins with.
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
    /// The datagram ends within it.
    Header,
    /// The I flag is not set.
    Flags,
    /// VXLAN-GPE carries something that vtap does not read.
    Protocol,
}

/// What the VXLAN header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The word that holds the network identifier, as it lies in memory.
    pub word: u32,
    /// Offset of the inner packet in the frame.
    pub payload: u32,
    /// `EtherType` of a payload without link header, as it would lie in memory; zero where the
    /// payload begins with an Ethernet header.
    pub ether_type: u64,
}

impl Tunnel {
    /// Network identifier, 24 bits.
    #[inline(always)]
    #[must_use]
    pub const fn vni(&self) -> u32 {
        vxlan::vni(self.word)
    }

    /// What the inner packet begins with.
    #[inline(always)]
    #[must_use]
    pub const fn link(&self) -> LinkType {
        if self.ether_type == 0 { LinkType::Ethernet } else { LinkType::RawIp }
    }
}

/// Reads the VXLAN header at `offset` of a datagram that ends at `end`.
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
