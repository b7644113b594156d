//! IPv6 and its extension headers (RFC 8200; authentication header: RFC 4302).

use network_types::ip::{IpProto, Ipv6Hdr};

use super::{BadHeader, Fragment, Network, Protocol};
use crate::{
    address::Address,
    packet::{Header, Packet, Slot},
};

/// Extension headers that are followed. RFC 8200 section 4.1 has one of each kind at most, and
/// destination options twice.
pub const MAX_EXTENSIONS: u32 = 8;

const MORE_FRAGMENTS: u16 = 0x0001_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0xfff8_u16.to_be();

/// Reads the header at `offset` and the extension headers behind it.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, offset: u32) -> Result<Network, BadHeader> {
    let header = packet.header::<Ipv6Hdr>(offset).ok_or(BadHeader::Ipv6)?;
    if header.version() != 6 {
        return Err(BadHeader::Ipv6);
    }
    let payload_len = u32::from(header.payload_len());
    let mut network = Network {
        src: Address::v6(header.src_addr),
        dst: Address::v6(header.dst_addr),
        protocol: Protocol(u32::from(header.next_hdr)),
        payload: offset + <Ipv6Hdr as Header>::LEN,
        len: if payload_len == 0 { 0 } else { payload_len + <Ipv6Hdr as Header>::LEN },
        fragment: Fragment::No,
    };
    if Unit::of(network.protocol).is_some() {
        follow_extensions(packet, &mut network)?;
    }
    Ok(network)
}

#[inline(always)]
fn follow_extensions<P: Packet>(packet: &P, network: &mut Network) -> Result<(), BadHeader> {
    for _ in 0..MAX_EXTENSIONS {
        let Some(unit) = Unit::of(network.protocol) else {
            return Ok(());
        };
        let header = packet.header::<[u8; 8]>(network.payload).ok_or(BadHeader::Ipv6Extension)?;
        let [next, len, frag_high, frag_low, ..] = *header;
        network.protocol = Protocol(u32::from(next));
        network.payload += unit.bytes(u32::from(len));
        if unit == Unit::Fragment {
            let frags = u16::from_ne_bytes([frag_high, frag_low]);
            if frags & FRAGMENT_OFFSET != 0 {
                network.fragment = Fragment::Later;
                return Ok(());
            }
            if frags & MORE_FRAGMENTS != 0 {
                network.fragment = Fragment::First;
            }
        }
        network.payload = packet.forget(Slot::Transport, u64::from(network.payload)) as u32;
    }
    if Unit::of(network.protocol).is_some() {
        return Err(BadHeader::Ipv6Extension);
    }
    Ok(())
}

/// How an extension header states its length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// In 8 octets, the first 8 not counted.
    Eight,
    /// In 4 octets, the first 8 not counted.
    Four,
    /// Not at all: always 8 octets.
    Fragment,
}

impl Unit {
    #[inline(always)]
    fn of(protocol: Protocol) -> Option<Self> {
        const HOP_BY_HOP: u32 = IpProto::HopOpt as u32;
        const ROUTING: u32 = IpProto::Ipv6Route as u32;
        const FRAGMENT: u32 = IpProto::Ipv6Frag as u32;
        const AUTHENTICATION: u32 = IpProto::Ah as u32;
        const DESTINATION_OPTIONS: u32 = IpProto::Ipv6Opts as u32;
        const MOBILITY: u32 = IpProto::MobilityHeader as u32;
        match protocol.0 {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY => Some(Self::Eight),
            AUTHENTICATION => Some(Self::Four),
            FRAGMENT => Some(Self::Fragment),
            _ => None,
        }
    }

    #[inline(always)]
    const fn bytes(self, len: u32) -> u32 {
        match self {
            Self::Eight => 8 + len * 8,
            Self::Four => 8 + len * 4,
            Self::Fragment => 8,
        }
    }
}
