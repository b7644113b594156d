//! Ethernet and VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use network_types::eth::EtherType;

use super::{
    Damaged,
    frame::{Frame, Slot},
    link::Link,
};

/// The most VLAN tags that are skipped. QinQ has two, and three have been seen in practice.
pub const MAX_TAGS: u32 = 4;

/// Bytes of the header without tags.
pub const HEADER_LEN: u32 = 14;
/// The greatest value of the type field that means a length rather than an `EtherType`.
const MAX_LLC_LEN: u32 = 1500;
const TYPE_LEN: u32 = 2;
const TAG_LEN: u32 = 4;

/// Reads the Ethernet header at `offset` and the VLAN tags after it.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Link, Damaged> {
    let payload = offset + HEADER_LEN;
    let ether_type = ether_type_before(frame, payload).ok_or(Damaged::Ethernet)?;
    follow_tags(frame, Link { ether_type, payload })
}

/// Skips the VLAN tags after a link header, if there are any.
#[inline(always)]
pub fn follow_tags<F: Frame>(frame: &F, mut link: Link) -> Result<Link, Damaged> {
    for _ in 0..if F::FAST_PATH { 0 } else { MAX_TAGS } {
        if !is_tag(link.ether_type) {
            break;
        }
        link.payload += TAG_LEN;
        link.ether_type = ether_type_before(frame, link.payload).ok_or(Damaged::Vlan)?;
    }
    if is_tag(link.ether_type) {
        return Err(Damaged::Vlan);
    }
    link.payload = frame.launder_for_verifier(Slot::Network, u64::from(link.payload)) as u32;
    Ok(link)
}

/// Reads the `EtherType` that ends at `payload`. It is the last field both of an Ethernet header
/// and of a VLAN tag, so if it is present, the whole header or tag is.
#[inline(always)]
fn ether_type_before<F: Frame>(frame: &F, payload: u32) -> Option<u32> {
    let bytes = frame.header::<[u8; 2]>(payload - TYPE_LEN)?;
    Some(u32::from(u16::from_ne_bytes(*bytes)))
}

/// The payload length of an IEEE 802.3 (LLC) frame, which has a length in place of the `EtherType`.
/// `None` if `ether_type` (in network byte order) really is a type.
#[inline(always)]
#[must_use]
pub const fn llc_len(ether_type: u32) -> Option<u32> {
    let len = u16::from_be(ether_type as u16) as u32;
    if len <= MAX_LLC_LEN { Some(len) } else { None }
}

#[inline(always)]
fn is_tag(ether_type: u32) -> bool {
    ether_type == EtherType::Ieee8021q as u32
        || ether_type == EtherType::Ieee8021ad as u32
        || ether_type == EtherType::Ieee8021QinQ1 as u32
}
