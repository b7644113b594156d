//! The mirrored packet, down to what rules ask of it.

use crate::{
    abi::Malformed,
    outer::Datagram,
    tunnel::Tunnel,
    wire::{
        Address, BadHeader, Bounded, Family, Fragment, Frame, Link, Network, Protocol, Slot,
        Transport, ethernet,
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
    /// Source port, or [`ABSENT`](crate::wire::ABSENT).
    pub src_port: u64,
    /// Destination port, or [`ABSENT`](crate::wire::ABSENT).
    pub dst_port: u64,
    /// ICMP type, or [`ABSENT`](crate::wire::ABSENT).
    pub icmp_type: u64,
    /// ICMP code, or [`ABSENT`](crate::wire::ABSENT).
    pub icmp_code: u64,
}

/// Reads the headers of the inner packet.
#[inline(always)]
pub fn parse<F: Frame>(
    frame: &F,
    datagram: &Datagram,
    tunnel: &Tunnel,
) -> Result<Inner, Malformed> {
    let frame = &Bounded::new(frame, datagram.end);
    let link = if tunnel.ether_type == 0 {
        ethernet::parse(frame, tunnel.payload)?
    } else {
        Link { ether_type: tunnel.ether_type as u32, payload: tunnel.payload }
    };
    let network = Network::parse(frame, link.payload, link.ether_type)?;
    let transport = if network.fragment == Fragment::Later {
        Transport::NONE
    } else {
        Transport::parse(frame, network.payload, network.protocol)?
    };
    // Many kinds of packet meet here, and what follows is the same for all.
    let family = Family(frame.launder_for_verifier(Slot::Family, network.src.family.0));
    let Transport { src_port, dst_port, icmp_type, icmp_code } = transport;
    Ok(Inner {
        len: datagram.end - tunnel.payload,
        wire_end: link.payload + network.len,
        src: Address { family, ..network.src },
        dst: Address { family, ..network.dst },
        protocol: Protocol(
            frame.launder_for_verifier(Slot::Protocol, u64::from(network.protocol.0)) as u32,
        ),
        src_port: frame.launder_for_verifier(Slot::SrcPort, src_port),
        dst_port: frame.launder_for_verifier(Slot::DstPort, dst_port),
        icmp_type: frame.launder_for_verifier(Slot::IcmpType, icmp_type),
        icmp_code: frame.launder_for_verifier(Slot::IcmpCode, icmp_code),
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
