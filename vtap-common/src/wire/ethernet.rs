//! Ethernet and VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use network_types::eth::EtherType;

use super::BadHeader;
use crate::packet::{Packet, Slot};

/// Tags that are followed; QinQ has two, and three are seen.
pub const MAX_TAGS: u32 = 4;

const ADDRESSES_LEN: u32 = 12;
const TYPE_LEN: u32 = 2;
const TAG_LEN: u32 = 4;

/// What follows the link header.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// `EtherType` as it lies in memory, or the length of an LLC frame.
    pub ether_type: u32,
    /// Where the network header begins.
    pub payload: u32,
}

/// Reads the Ethernet header at `offset` and the tags behind it.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, offset: u32) -> Result<Link, BadHeader> {
    // The type is the last field of header and tag alike, so one check covers what is before it.
    let mut at = offset + ADDRESSES_LEN;
    let mut ether_type = ether_type(packet, at).ok_or(BadHeader::Ethernet)?;
    for _ in 0..if P::PLAIN { 0 } else { MAX_TAGS } {
        if !is_tag(ether_type) {
            break;
        }
        at += TAG_LEN;
        ether_type = self::ether_type(packet, at).ok_or(BadHeader::Vlan)?;
    }
    if is_tag(ether_type) {
        return Err(BadHeader::Vlan);
    }
    Ok(Link { ether_type, payload: packet.forget(Slot::Network, u64::from(at + TYPE_LEN)) as u32 })
}

#[inline(always)]
fn ether_type<P: Packet>(packet: &P, at: u32) -> Option<u32> {
    packet.header::<[u8; 2]>(at).map(|bytes| u32::from(u16::from_ne_bytes(*bytes)))
}

#[inline(always)]
fn is_tag(ether_type: u32) -> bool {
    ether_type == EtherType::Ieee8021q as u32
        || ether_type == EtherType::Ieee8021ad as u32
        || ether_type == EtherType::Ieee8021QinQ1 as u32
}
