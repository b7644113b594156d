//! How long each datagram of a frame is.
//!
//! Where nothing else tells, a frame is divided only if it can be nothing but several datagrams: each
//! piece begins with a VXLAN header and holds an inner packet which, as its own headers say, fills it.
//! Bytes behind an inner packet may as well be padding of Ethernet or a trailer, which belong to that
//! packet.

use vtap_common::{
    abi::Segment,
    outer::Datagram,
    tunnel::{self, Encapsulation, vxlan},
    wire::{Link, Network, Protocol, ethernet},
};

/// What a frame turns out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Division {
    /// One datagram.
    One,
    /// Datagrams of `len` bytes of payload; the last may be shorter.
    Several { len: u32 },
    /// A datagram of `len` bytes of payload on the wire. The capture has cut off what is behind it.
    First { len: u32 },
    /// Several datagrams, but where each begins is not certain.
    Unclear,
}

/// Bytes of an Ethernet frame without checksum at least: shorter ones are padded.
const ETHERNET_MIN: u32 = 60;
/// Bytes of an ARP packet for IPv4 over Ethernet.
const ARP_LEN: u32 = 28;
/// The longest trailer of a packet that is looked for.
const MAX_TRAILER: u32 = 64;
/// Bytes that tell for certain how long a datagram is: up to the end of an inner IPv6 header.
const HEADERS: u32 = vxlan::LEN + ethernet::HEADER_LEN + 40;

/// Tells what a frame holds.
pub(super) fn divide(frame: &[u8], datagram: &Datagram, segment: Segment) -> Division {
    let Datagram { payload, end, encapsulation, .. } = *datagram;
    if segment != Segment::UNKNOWN {
        let several = segment.datagrams(datagram.payload_len()) > 1;
        return if several { Division::Several { len: segment.bytes() } } else { Division::One };
    }
    let bytes = frame.get(payload as usize..end as usize).unwrap_or_default();
    Payload { bytes, wire_len: datagram.payload_len(), encapsulation }.divide()
}

/// The payload of an outer datagram.
struct Payload<'a> {
    /// What was captured of it.
    bytes: &'a [u8],
    /// Its bytes on the wire.
    wire_len: u32,
    encapsulation: Encapsulation,
}

impl Payload<'_> {
    fn divide(&self) -> Division {
        let Some(first) = stated(self.bytes, self.encapsulation) else { return Division::One };
        if first.len + Segment::LEAST > self.wire_len {
            return Division::One;
        }
        let mut lens = [Some(first.len), first.padded_len()].into_iter().flatten();
        if let Some(len) = lens.find(|len| *len < self.wire_len && self.are_filled(*len)) {
            return Division::Several { len };
        }
        let present = self.bytes.len() as u32;
        if present < self.wire_len && present < first.len + HEADERS {
            return Division::First { len: first.len };
        }
        if (first.len..=first.len + MAX_TRAILER).any(|len| self.is_followed_at(len)) {
            return Division::Unclear;
        }
        Division::One
    }

    /// Whether each piece but the first, of `len` bytes, is filled by its packet. Where the capture
    /// has cut off the headers, nothing can be said; the second piece must have them.
    fn are_filled(&self, len: u32) -> bool {
        (len..self.wire_len).step_by(len as usize).all(|start| {
            let wire_len = len.min(self.wire_len - start);
            let rest = self.bytes.get(start as usize..).unwrap_or_default();
            let piece = rest.get(..wire_len as usize).unwrap_or(rest);
            match stated(piece, self.encapsulation) {
                Some(stated) => stated.len == wire_len || stated.padded_len() == Some(wire_len),
                None => start > len && (piece.len() as u32) < wire_len.min(HEADERS),
            }
        })
    }

    /// Whether something like a datagram begins there: a VXLAN header and IP or ARP.
    fn is_followed_at(&self, offset: u32) -> bool {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        stated(rest, self.encapsulation).is_some_and(|packet| packet.is_known)
    }
}

/// What the headers of an inner packet say of its length.
struct Stated {
    /// Bytes from the VXLAN header on.
    len: u32,
    is_ethernet: bool,
    /// Whether it is IP or ARP, which other bytes hardly look like.
    is_known: bool,
}

impl Stated {
    /// Its length with the padding of Ethernet, if it needs any.
    fn padded_len(&self) -> Option<u32> {
        const LEN: u32 = vxlan::LEN + ETHERNET_MIN;
        (self.is_ethernet && self.len < LEN).then_some(LEN)
    }
}

/// What the start of a datagram's payload says; `None` where there is no VXLAN header, or where the
/// inner packet does not say how long it is.
fn stated(payload: &[u8], encapsulation: Encapsulation) -> Option<Stated> {
    let tunnel = tunnel::parse(&payload, 0, payload.len() as u32, encapsulation).ok()?;
    let is_ethernet = tunnel.ether_type == 0;
    let link = if is_ethernet {
        ethernet::parse(&payload, tunnel.payload).ok()?
    } else {
        Link { ether_type: tunnel.ether_type as u32, payload: tunnel.payload }
    };
    let network = Network::parse(&payload, link.payload, link.ether_type);
    let known = match network.protocol {
        Protocol::ARP => network.damaged.is_none().then_some(link.payload + ARP_LEN),
        _ => (network.end != 0).then_some(network.end),
    };
    let llc = || ethernet::llc_len(link.ether_type).map(|len| link.payload + len);
    Some(Stated { len: known.or_else(llc)?, is_ethernet, is_known: known.is_some() })
}
