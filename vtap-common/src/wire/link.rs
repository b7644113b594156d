//! The link layer: the headers before the network header.

use network_types::eth::EtherType;

use super::{Damaged, ethernet, frame::Frame};

/// How a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayer {
    /// With an Ethernet header.
    Ethernet,
    /// With an IP header, as on tun, `WireGuard` and IP tunnel interfaces. Its first four bits are
    /// the version.
    Ip,
    /// With another header, which the caller has read.
    Other {
        /// The `EtherType` of what follows that header, in network byte order (see [`ether_type`]).
        /// It may be that of a VLAN tag.
        ether_type: u32,
        /// Offset of what follows that header. At most a few hundred bytes.
        offset: u32,
    },
}

/// Converts an `EtherType` to network byte order: the integer whose bytes in memory are those on
/// the wire. Types are compared in this form, so that no packet's type has to be byte-swapped.
#[must_use]
pub const fn ether_type(number: u16) -> u32 {
    number.to_be() as u32
}

/// What follows the link header.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The `EtherType` in network byte order, or the length field of an LLC frame.
    pub ether_type: u32,
    /// Where the network header begins.
    pub payload: u32,
}

impl Link {
    /// Reads the link-layer headers of a frame.
    #[inline(always)]
    pub fn parse<F: Frame>(frame: &F, layer: LinkLayer) -> Result<Self, Damaged> {
        match layer {
            LinkLayer::Ethernet => ethernet::parse(frame, 0),
            LinkLayer::Ip => {
                let header = frame.header::<[u8; 1]>(0).ok_or(Damaged::Ipv4)?;
                let ether_type = match header[0] >> 4 {
                    4 => EtherType::Ipv4 as u32,
                    6 => EtherType::Ipv6 as u32,
                    _ => return Err(Damaged::Ipv4),
                };
                Ok(Self { ether_type, payload: 0 })
            }
            LinkLayer::Other { ether_type, offset } => {
                ethernet::follow_tags(frame, Self { ether_type, payload: offset })
            }
        }
    }
}
