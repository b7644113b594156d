//! Parses the mirrored packet, up to and including its transport header.
//!
//! An inner packet can be truncated or wrong, by accident or by intent. So parsing never fails: any
//! bytes give an [`Inner`]. A field that is missing from the packet gets a value that matches no
//! criterion of the user.

use crate::{
    abi::Damage,
    outer::Datagram,
    tunnel::Tunnel,
    wire::{
        Address, Bounded, Damaged, Family, Fragment, Frame, Link, Network, Protocol, Slot,
        Transport, ethernet, transport::PacketEnd,
    },
};

/// The inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inner {
    /// The number of bytes of the packet that are present.
    pub len: u32,
    /// Offset in the frame at which the packet ends according to its IP, ARP or IEEE 802.3 header.
    /// If that is past the end of the datagram, the tap has truncated the packet. Zero if no header
    /// gives the length.
    pub wire_end: u32,
    /// Source address; of an ARP packet, the sender's.
    pub src: Address,
    /// Destination address; of an ARP packet, the target's.
    pub dst: Address,
    /// The protocol that the packet carries.
    pub protocol: Protocol,
    /// The header that is damaged, if any.
    pub damage: Damage,
    /// Source port in native byte order, or [`ABSENT`](crate::wire::ABSENT).
    pub src_port: u64,
    /// Destination port in native byte order, or [`ABSENT`](crate::wire::ABSENT).
    pub dst_port: u64,
    /// ICMP type, or [`ABSENT`](crate::wire::ABSENT).
    pub icmp_type: u64,
    /// ICMP code, or [`ABSENT`](crate::wire::ABSENT).
    pub icmp_code: u64,
}

/// Reads the headers of the inner packet.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, datagram: &Datagram, tunnel: &Tunnel) -> Inner {
    let network = network(&Bounded::new(frame, datagram.end), tunnel);
    let (transport, damage) = transport(frame, datagram, &network);
    // The paths for all kinds of packets join here, so the values in which they differ are
    // laundered. (`Network::parse` has already laundered the end of the packet.)
    let family = Family(frame.launder_for_verifier(Slot::Family, network.src.family.0));
    let protocol = u64::from(network.protocol.0);
    let Transport { src_port, dst_port, icmp_type, icmp_code, .. } = transport;
    Inner {
        len: datagram.end - tunnel.payload,
        wire_end: network.end,
        src: Address {
            high: frame.launder_for_verifier(Slot::SrcHigh, network.src.high),
            low: frame.launder_for_verifier(Slot::SrcLow, network.src.low),
            family,
        },
        dst: Address {
            high: frame.launder_for_verifier(Slot::DstHigh, network.dst.high),
            low: frame.launder_for_verifier(Slot::DstLow, network.dst.low),
            family,
        },
        protocol: Protocol(frame.launder_for_verifier(Slot::Protocol, protocol) as u32),
        damage: Damage(frame.launder_for_verifier(Slot::Damage, u64::from(damage.0)) as u32),
        src_port: frame.launder_for_verifier(Slot::SrcPort, src_port),
        dst_port: frame.launder_for_verifier(Slot::DstPort, dst_port),
        icmp_type: frame.launder_for_verifier(Slot::IcmpType, icmp_type),
        icmp_code: frame.launder_for_verifier(Slot::IcmpCode, icmp_code),
    }
}

/// Reads the headers before the transport header.
#[inline(always)]
fn network<F: Frame>(frame: &F, tunnel: &Tunnel) -> Network {
    let link = if tunnel.ether_type == 0 {
        match ethernet::parse(frame, tunnel.payload) {
            Ok(link) => link,
            Err(damaged) => return Network::unreadable(damaged),
        }
    } else {
        Link { ether_type: tunnel.ether_type as u32, payload: tunnel.payload }
    };
    Network::parse(frame, link.payload, link.ether_type)
}

/// Reads the transport header, and finds out whether any header of the packet is damaged.
#[inline(always)]
fn transport<F: Frame>(frame: &F, datagram: &Datagram, network: &Network) -> (Transport, Damage) {
    if let Some(damaged) = network.damaged {
        return (Transport::NONE, Damage::of(damaged));
    }
    let transport = if F::FAST_PATH {
        Transport::parse_fast(frame, network, datagram.end)
    } else if network.end != 0 && network.end < network.payload {
        // The header is longer than the packet that it describes. For IPv6, `Network::parse` has
        // already ruled that out, so this is IPv4.
        return (Transport::NONE, Damage::of(Damaged::Ipv4));
    } else if network.fragment == Fragment::LATER {
        Transport::NONE
    } else {
        let present = network.present_end(datagram.end);
        let present = frame.launder_for_verifier(Slot::InnerEnd, u64::from(present)) as u32;
        let stated = if network.end == 0 { datagram.wire_end } else { network.end };
        Transport::parse(frame, network, PacketEnd { present, stated })
    };
    let damage = if transport.sound { Damage::NONE } else { Damage::of(Damaged::Transport) };
    (transport, damage)
}
