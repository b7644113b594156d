//! The VXLAN header.

use network_types::{eth::EtherType, vxlan::VxlanHdr};

use crate::{
    outer::Datagram,
    packet::{Bounded, Header, Packet, Slot},
    reason::Malformed,
    wire::vxlan::{GPE_P_FLAG, gpe},
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
    /// Network identifier, 24 bits.
    pub vni: u32,
    /// Where the inner packet begins in the frame.
    pub payload: u32,
    /// `EtherType` of a payload without link header, as it would lie in memory; zero for a frame.
    pub ether_type: u32,
}

impl Tunnel {
    /// What the inner packet begins with.
    #[inline(always)]
    #[must_use]
    pub const fn link(&self) -> LinkType {
        if self.ether_type == 0 { LinkType::Ethernet } else { LinkType::RawIp }
    }
}

/// The identifier, by one load of its three bytes and the one behind them.
#[inline(always)]
const fn vni(header: &VxlanHdr) -> u32 {
    let [a, b, c] = header.vni;
    u32::from_be_bytes([a, b, c, header._reserved2]) >> 8
}

/// Reads the VXLAN header at the start of the datagram.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, datagram: &Datagram) -> Result<Tunnel, Malformed> {
    let bounded = Bounded::new(packet, datagram.end);
    let header = bounded.header::<VxlanHdr>(datagram.payload).ok_or(Malformed::VxlanHeader)?;
    if !header.vni_present() {
        return Err(Malformed::VxlanFlags);
    }
    let gpe = datagram.encapsulation == Encapsulation::Gpe;
    if P::PLAIN && gpe {
        return Err(Malformed::GpeProtocol);
    }
    let ether_type = if gpe && header.flags & GPE_P_FLAG != 0 {
        match header._reserved1[2] {
            gpe::ETHERNET => 0,
            gpe::IPV4 => EtherType::Ipv4 as u32,
            gpe::IPV6 => EtherType::Ipv6 as u32,
            _ => return Err(Malformed::GpeProtocol),
        }
    } else {
        0
    };
    let payload = datagram.payload + <VxlanHdr as Header>::LEN;
    Ok(Tunnel {
        vni: vni(&header),
        payload: packet.forget(Slot::Inner, u64::from(payload)) as u32,
        ether_type,
    })
}
