//! How long each datagram of a frame is.
//!
//! If nothing else gives that length, a frame is divided only if it cannot be anything but several
//! datagrams of one length:
//!
//! - If the first packet gives its own length, each further piece must hold a packet that fills it.
//!   Other bytes after the first packet may be padding of Ethernet or a trailer, which belong to it.
//! - If a tap has truncated the first packet, or if it gives no length, the start of the second
//!   datagram is searched for. Each further piece must then begin as a datagram does. A packet that
//!   itself is a tunnel's looks the same, see [`Stated::may_nest`].

use vtap_common::{
    abi::Segment,
    outer::Datagram,
    tunnel::{self, Encapsulation, vxlan},
    wire::{Fragment, Link, Network, Protocol, ethernet, transport, udp},
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

/// A VXLAN header.
type Header = [u8; vxlan::LEN as usize];

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
        let wire_len = self.wire_len;
        let Some(len) = first.len.filter(|len| *len <= wire_len) else {
            return self.search(&first);
        };
        if len + Segment::LEAST > wire_len {
            return Division::One;
        }
        // First the search: several truncated packets can together be as long as one of them was.
        let found = self.search(&first);
        if matches!(found, Division::Several { .. }) {
            return found;
        }
        let present = self.bytes.len() as u32;
        let is_shown = |start| present == wire_len || present >= start + HEADERS;
        let fits = |len| self.are_filled(len) || (is_shown(len) && self.may_be_pieces(len));
        let mut lens = [Some(len), first.padded_len()].into_iter().flatten();
        if let Some(len) = lens.find(|len| *len < wire_len && fits(*len)) {
            return Division::Several { len };
        }
        if found == Division::One { self.after(len) } else { found }
    }

    /// Tells what a payload holds whose first packet ends at `first_len`, if what is behind it is not
    /// datagrams of the same length.
    fn after(&self, first_len: u32) -> Division {
        let present = self.bytes.len() as u32;
        if present < self.wire_len && present < first_len + HEADERS {
            return Division::First { len: first_len };
        }
        if (first_len..=first_len + MAX_TRAILER)
            .any(|len| self.is_start(len) || self.is_followed_at(len))
        {
            return Division::Unclear;
        }
        Division::One
    }

    /// Looks for the second datagram within what the first packet says is its own: a tap may have
    /// truncated that packet, or it gives no length.
    fn search(&self, first: &Stated) -> Division {
        let most = self.wire_len.saturating_sub(Segment::LEAST);
        let most = first.len.map_or(most, |len| most.min(len - 1));
        let Some(flags) = self.bytes.first() else { return Division::One };
        let likely = self.bytes.get(Segment::LEAST as usize..).unwrap_or_default();
        let mut unclear = false;
        for at in memchr::memchr_iter(*flags, likely) {
            let len = Segment::LEAST + at as u32;
            if len > most {
                break;
            }
            let is_udp_payload = first.udp_payload == Some(len);
            let is_nested = is_udp_payload && first.may_nest;
            if is_nested || !self.may_be_start(len) {
                continue;
            }
            if !self.may_be_pieces(len) {
                unclear |= self.is_followed_at(len);
                continue;
            }
            let may_nest = first.may_nest || is_udp_payload;
            let certain = self.wire_len.div_ceil(len) > 2 || !may_nest;
            return if certain { Division::Several { len } } else { Division::Unclear };
        }
        if unclear { Division::Unclear } else { Division::One }
    }

    /// Whether a test holds for each piece but the first, if pieces have `len` bytes. The test gets
    /// where a piece starts, what was captured of it, and its length on the wire.
    fn all_pieces(&self, len: u32, test: impl Fn(u32, &[u8], u32) -> bool) -> bool {
        (len..self.wire_len).step_by(len as usize).all(|start| {
            let wire_len = len.min(self.wire_len - start);
            let rest = self.bytes.get(start as usize..).unwrap_or_default();
            test(start, rest.get(..wire_len as usize).unwrap_or(rest), wire_len)
        })
    }

    /// Whether each piece but the first, of `len` bytes, is filled by its packet. Where the capture
    /// has cut off the headers, nothing can be said; the second piece must have them.
    fn are_filled(&self, len: u32) -> bool {
        self.all_pieces(len, |start, piece, wire_len| match stated(piece, self.encapsulation) {
            Some(stated) => stated.fills(wire_len),
            None => start > len && (piece.len() as u32) < wire_len.min(HEADERS),
        })
    }

    /// Whether each piece but the first, of `len` bytes, begins as a datagram does and is filled by
    /// its packet, which may be truncated. Where the capture has cut off the headers, nothing can be
    /// said.
    fn may_be_pieces(&self, len: u32) -> bool {
        self.all_pieces(len, |start, piece, wire_len| {
            if start > len && (piece.len() as u32) < wire_len.min(HEADERS) {
                return true;
            }
            // A tap truncates packets to one length. So the last piece, if it is shorter, has all
            // of its packet.
            let may_be_truncated = wire_len == len;
            let fits = |it: Stated| {
                let truncated = it.len.is_none_or(|stated| may_be_truncated && stated > wire_len);
                truncated || it.fills(wire_len)
            };
            self.is_start(start) && stated(piece, self.encapsulation).is_none_or(fits)
        })
    }

    /// Whether a datagram seems to begin at `start`: the VXLAN header of the first one, which all
    /// datagrams of a flow share, and then anything. (Without a VNI, the header is a number that occurs
    /// in many kinds of data, and IP or ARP must follow.)
    fn is_start(&self, start: u32) -> bool {
        let Some((first, header)) = self.headers(start) else { return false };
        header == first && (first[4..7] != [0; 3] || self.is_followed_at(start))
    }

    /// Whether a datagram may begin at `start`, of any VNI.
    fn may_be_start(&self, start: u32) -> bool {
        self.headers(start)
            .is_some_and(|(first, header)| header[..4] == first[..4] && header[7] == first[7])
    }

    /// The VXLAN header of the first datagram, and the bytes where another may be.
    fn headers(&self, start: u32) -> Option<(&Header, &Header)> {
        let rest = self.bytes.get(start as usize..)?;
        Some((self.bytes.first_chunk()?, rest.first_chunk()?))
    }

    /// Whether something like a datagram begins there: a VXLAN header and IP or ARP.
    fn is_followed_at(&self, offset: u32) -> bool {
        let rest = self.bytes.get(offset as usize..).unwrap_or_default();
        stated(rest, self.encapsulation).is_some_and(|packet| packet.is_known)
    }
}

/// What the headers of an inner packet tell about the bytes after it.
struct Stated {
    /// Bytes from the VXLAN header to the end of the packet, as its own headers give it.
    len: Option<u32>,
    is_ethernet: bool,
    /// Whether it is IP or ARP, which other bytes hardly look like.
    is_known: bool,
    /// Whether it may carry another VXLAN header within, because it is itself a tunnel's or of an
    /// unknown kind. Then one further VXLAN header does not prove a second datagram.
    may_nest: bool,
    /// Where its UDP payload begins. There the header of a tunnel in the tunnel would be.
    udp_payload: Option<u32>,
}

impl Stated {
    /// Its length with the padding of Ethernet, if it needs any.
    fn padded_len(&self) -> Option<u32> {
        const LEN: u32 = vxlan::LEN + ETHERNET_MIN;
        (self.is_ethernet && self.len.is_some_and(|len| len < LEN)).then_some(LEN)
    }

    /// Whether it fills a datagram of `len` bytes.
    fn fills(&self, len: u32) -> bool {
        self.len == Some(len) || self.padded_len() == Some(len)
    }
}

/// UDP ports of tunnels that can carry VXLAN: VXLAN and VXLAN-GPE (RFC 7348, and Linux's port from
/// before), Geneve (RFC 8926), GTP-U, Teredo, GUE and GRE-in-UDP (RFC 8086).
const TUNNEL_PORTS: [u16; 8] = [vxlan::PORT, vxlan::GPE_PORT, 8472, 6081, 2152, 3544, 6080, 4754];
/// IP protocols that have no packets of others within: ICMP, TCP, ICMPv6 and SCTP.
const NO_TUNNELS: [Protocol; 4] = [Protocol::ICMP, Protocol::TCP, Protocol::ICMP6, Protocol::SCTP];

/// What the start of a datagram's payload says; `None` if there is no VXLAN header or no inner
/// header.
fn stated(payload: &[u8], encapsulation: Encapsulation) -> Option<Stated> {
    let tunnel = tunnel::parse(&payload, 0, payload.len() as u32, encapsulation).ok()?;
    let is_ethernet = tunnel.ether_type == 0;
    let link = if is_ethernet {
        ethernet::parse(&payload, tunnel.payload).ok()?
    } else {
        Link { ether_type: tunnel.ether_type as u32, payload: tunnel.payload }
    };
    let network = Network::parse(&payload, link.payload, link.ether_type);
    let len = (network.end != 0).then_some(network.end);
    let is_known = len.is_some() && network.protocol != Protocol::OTHER;
    let is_udp = network.protocol == Protocol::UDP && network.fragment != Fragment::LATER;
    let may_nest = if is_udp {
        transport::ports(&payload, network.payload).is_none_or(|ports| {
            ports.iter().any(|port| TUNNEL_PORTS.contains(&u16::from_be(*port)))
        })
    } else {
        !NO_TUNNELS.contains(&network.protocol) && network.protocol != Protocol::ARP
    };
    let udp_payload = is_udp.then_some(network.payload + udp::LEN);
    Some(Stated { len, is_ethernet, is_known, may_nest, udp_payload })
}
