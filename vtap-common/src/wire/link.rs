//! The link layer: what is before the network header.

use network_types::eth::EtherType;

use super::{Damaged, ethernet, frame::Frame};

/// How a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayer {
    /// With an Ethernet header.
    Ethernet,
    /// With an IP header, whose first four bits tell the version: tun, `WireGuard`, and IP tunnels.
    Ip,
    /// With another header, which the caller has read.
    Other {
        /// What follows it: an `EtherType` as it would lie in memory (see [`ether_type`]). VLAN tags
        /// are followed.
        ether_type: u32,
        /// Offset at which that begins, up to some hundred bytes.
        offset: u32,
    },
}

/// An `EtherType` as it lies in memory.
#[must_use]
pub const fn ether_type(number: u16) -> u32 {
    number.to_be() as u32
}

/// What follows the link header.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// `EtherType` as it lies in memory, or the length of an LLC frame.
    pub ether_type: u32,
    /// Where the network header begins.
    pub payload: u32,
}

impl Link {
    /// Reads what is before the network header of a frame.
    #[inline(always)]
    pub fn parse<F: Frame>(frame: &F, layer: LinkLayer) -> Result<Self, Damaged> {
        match layer {
            LinkLayer::Ethernet => ethernet::parse(frame, 0),
            LinkLayer::Ip => {
                // No IP header is shorter than this. After a check for one byte alone, the kernel's
                // verifier refuses to have it read: "before the end" tells it nothing of offset 0.
                let header = frame.header::<[u8; 20]>(0).ok_or(Damaged::Ipv4)?;
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
