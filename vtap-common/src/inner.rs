//! The mirrored packet, down to what rules ask of it.

use crate::{
    address::{Address, Family},
    outer::Datagram,
    packet::{Bounded, Packet, Slot},
    reason::Malformed,
    tunnel::Tunnel,
    wire::{
        BadHeader, Fragment, Network, Protocol,
        ethernet::{self, Link},
        transport::Transport,
    },
};

/// The inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// Bytes of it that arrived.
    pub len: u32,
    /// Where it ended before a tap cut it, if its headers say so; else somewhere before.
    pub wire_end: u32,
    /// Source address; of an ARP packet, the sender's.
    pub src: Address,
    /// Destination address; of an ARP packet, the target's.
    pub dst: Address,
    /// What it is.
    pub protocol: Protocol,
    /// Source port, or [`ABSENT`](crate::wire::transport::ABSENT).
    pub src_port: u64,
    /// Destination port, or [`ABSENT`](crate::wire::transport::ABSENT).
    pub dst_port: u64,
    /// ICMP type, or [`ABSENT`](crate::wire::transport::ABSENT).
    pub icmp_type: u64,
    /// ICMP code, or [`ABSENT`](crate::wire::transport::ABSENT).
    pub icmp_code: u64,
}

/// Reads the headers of the inner packet.
#[inline(always)]
pub fn parse<P: Packet>(
    packet: &P,
    datagram: &Datagram,
    tunnel: &Tunnel,
) -> Result<Inner, Malformed> {
    let packet = &Bounded::new(packet, datagram.end);
    let link = if tunnel.ether_type == 0 {
        ethernet::parse(packet, tunnel.payload)?
    } else {
        Link { ether_type: tunnel.ether_type, payload: tunnel.payload }
    };
    let network = Network::parse(packet, link.payload, link.ether_type)?;
    let transport = if network.fragment == Fragment::Later {
        Transport::NONE
    } else {
        Transport::parse(packet, network.payload, network.protocol)?
    };
    // Many kinds of packet meet here, and what follows is the same for all.
    let family = Family(packet.forget(Slot::Family, network.src.family.0));
    let Transport { src_port, dst_port, icmp_type, icmp_code } = transport;
    Ok(Inner {
        len: datagram.end - tunnel.payload,
        wire_end: link.payload + network.len,
        src: Address { family, ..network.src },
        dst: Address { family, ..network.dst },
        protocol: Protocol(packet.forget(Slot::Protocol, u64::from(network.protocol.0)) as u32),
        src_port: packet.forget(Slot::SrcPort, src_port),
        dst_port: packet.forget(Slot::DstPort, dst_port),
        icmp_type: packet.forget(Slot::IcmpType, icmp_type),
        icmp_code: packet.forget(Slot::IcmpCode, icmp_code),
    })
}

impl From<BadHeader> for Malformed {
    #[inline(always)]
    fn from(header: BadHeader) -> Self {
        match header {
            BadHeader::Ethernet => Self::InnerEthernet,
            BadHeader::Vlan => Self::InnerVlan,
            BadHeader::Ipv4 => Self::InnerIpv4,
            BadHeader::Ipv6 => Self::InnerIpv6,
            BadHeader::Ipv6Extension => Self::InnerIpv6Extension,
            BadHeader::Arp => Self::InnerArp,
            BadHeader::Transport => Self::InnerTransport,
        }
    }
}
