//! The tunnel: which network the datagram belongs to, and what it carries.

use crate::{
    outer::Datagram,
    packet::{Bounded, Packet, Slot},
    reason::Malformed,
    wire::vxlan::{self, Vxlan},
};

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

/// What the VXLAN header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The word that holds the network identifier, as it lies in memory.
    pub word: u32,
    /// Where the inner packet begins in the frame.
    pub payload: u32,
    /// `EtherType` of a payload without link header, as it would lie in memory; zero for a frame.
    pub ether_type: u32,
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

/// Reads the VXLAN header at the start of the datagram.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, datagram: &Datagram) -> Result<Tunnel, Malformed> {
    let bounded = Bounded::new(packet, datagram.end);
    let gpe = datagram.encapsulation == Encapsulation::Gpe;
    let Vxlan { word, ether_type } = vxlan::parse(&bounded, datagram.payload, gpe)?;
    let payload = datagram.payload + vxlan::LEN;
    Ok(Tunnel { word, payload: packet.forget(Slot::Inner, u64::from(payload)) as u32, ether_type })
}
