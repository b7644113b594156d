//! IPv4, IPv6 and its extension headers.

use std::{io::Write as _, net::IpAddr};

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};

use vtap_common::wire::ipv6::MAX_EXTENSIONS;

use super::{Line, be16, be32, icmp, icmp6, put, tcp, transport};

const FRAGMENT_OFFSET: u16 = 0xfff8;
/// Bytes of an integrity check value that are shown; no algorithm in use has more.
const MAX_ICV: usize = 32;

/// What the transport protocols are told.
pub struct Packet<'a> {
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Captured bytes behind the network headers.
    pub payload: &'a [u8],
    /// How many there were on the wire.
    pub len: u32,
    /// Tunnels around the packet.
    pub depth: u32,
    /// Whether the addresses are in the line already, before the names of extension headers.
    pub is_addressed: bool,
}

impl Packet<'_> {
    /// Appends `a > b: `, if it is not there.
    pub fn put_hosts(&self, line: &mut Line) {
        if !self.is_addressed {
            put!(line, "{} > {}: ", self.src, self.dst);
        }
    }

    /// Appends `a.1 > b.2: `, or only the ports.
    pub fn put_ports(&self, line: &mut Line, from: u16, to: u16) {
        if self.is_addressed {
            put!(line, "{from} > {to}: ");
        } else {
            put!(line, "{}.{from} > {}.{to}: ", self.src, self.dst);
        }
    }
}

/// Appends an IPv4 packet.
pub fn put_v4(line: &mut Line, packet: &[u8], wirelen: u32, depth: u32) {
    put!(line, "IP ");
    let header = match Ipv4HeaderSlice::from_slice(packet) {
        Ok(header) => header,
        Err(_) if packet.len() < 20 => return put!(line, "[|ip]"),
        Err(_) => return put!(line, "bad header"),
    };
    let header_len = header.slice().len();
    let total = match u32::from(header.total_len()) {
        // A super-frame does not state its length.
        0 => wirelen,
        total if (total as usize) < header_len => return put!(line, "bad-len {total}"),
        total => total,
    };
    if total > wirelen {
        put!(line, "truncated-ip - {} bytes missing! ", total - wirelen);
    }
    let end = packet.len().min(total as usize);
    let payload = packet.get(header_len..end).unwrap_or_default();
    let (src, dst) = (header.source_addr().into(), header.destination_addr().into());
    let len = total.saturating_sub(header_len as u32);
    let protocol = header.protocol();
    if header.fragments_offset().value() != 0 {
        return put!(line, "{src} > {dst}: ip-proto-{}", protocol.0);
    }
    let packet = Packet { src, dst, payload, len, depth, is_addressed: false };
    put_transport(line, protocol, &packet);
}

/// Appends an IPv6 packet.
pub fn put_v6(line: &mut Line, packet: &[u8], wirelen: u32, depth: u32) {
    put!(line, "IP6 ");
    let header = match Ipv6HeaderSlice::from_slice(packet) {
        Ok(header) => header,
        Err(_) if packet.len() < 40 => return put!(line, "[|ip6]"),
        Err(_) => return put!(line, "bad header"),
    };
    let stated = match u32::from(header.payload_length()) {
        0 => wirelen.saturating_sub(40),
        stated => stated,
    };
    if stated + 40 > wirelen {
        put!(line, "truncated-ip6 - {} bytes missing!", stated + 40 - wirelen);
    }
    let end = packet.len().min(stated as usize + 40);
    let packet = Packet {
        src: header.source_addr().into(),
        dst: header.destination_addr().into(),
        payload: packet.get(40..end).unwrap_or_default(),
        len: stated,
        depth,
        is_addressed: false,
    };
    extensions(line, header.next_header(), packet);
}

/// RFC 8200 section 4, and RFC 4302. The names are those of tcpdump.
fn extensions(line: &mut Line, mut next: IpNumber, mut packet: Packet<'_>) {
    for _ in 0..MAX_EXTENSIONS {
        let (unit, name) = match next {
            IpNumber::IPV6_HEADER_HOP_BY_HOP => (8, "HBH "),
            IpNumber::IPV6_DESTINATION_OPTIONS => (8, "DSTOPT "),
            IpNumber::IPV6_ROUTE_HEADER => (8, "srcrt "),
            IpNumber::MOBILITY_HEADER => (8, "mobility "),
            IpNumber::AUTHENTICATION_HEADER => (4, ""),
            IpNumber::IPV6_FRAGMENTATION_HEADER => (0, ""),
            _ => break,
        };
        packet.put_hosts(line);
        packet.is_addressed = true;
        put!(line, "{name}");
        let header = packet.payload;
        let (Some(&following), Some(&len)) = (header.first(), header.get(1)) else {
            return put!(line, "[|ip6]");
        };
        // The first eight bytes never count; of the fragment header, nothing does.
        let len = 8 + usize::from(len) * unit;
        let goes_on = match next {
            IpNumber::AUTHENTICATION_HEADER => authentication(line, header, len),
            IpNumber::IPV6_FRAGMENTATION_HEADER => fragment(line, &packet),
            _ => true,
        };
        if !goes_on {
            return;
        }
        next = IpNumber(following);
        packet.payload = header.get(len..).unwrap_or_default();
        packet.len = packet.len.saturating_sub(len as u32);
    }
    put_transport(line, next, &packet);
}

/// Returns whether a transport header follows.
fn fragment(line: &mut Line, packet: &Packet<'_>) -> bool {
    let Some(offset) = be16(packet.payload, 2).map(|word| word & FRAGMENT_OFFSET) else {
        put!(line, "[|frag]");
        return false;
    };
    put!(line, "frag ({offset}|{})", packet.len.saturating_sub(8));
    if offset == 0 {
        put!(line, " ");
    }
    offset == 0
}

/// Returns whether it is all there.
fn authentication(line: &mut Line, header: &[u8], len: usize) -> bool {
    let (Some(spi), Some(seq)) = (be32(header, 4), be32(header, 8)) else {
        put!(line, "[|ah]");
        return false;
    };
    put!(line, "AH(spi=0x{spi:08x},seq=0x{seq:x},icv=0x");
    for byte in header.get(12..len.min(12 + MAX_ICV)).unwrap_or_default() {
        put!(line, "{byte:02x}");
    }
    put!(line, "): ");
    true
}

fn put_transport(line: &mut Line, protocol: IpNumber, packet: &Packet<'_>) {
    let Packet { len, .. } = packet;
    match protocol {
        IpNumber::TCP => return tcp::put(line, packet),
        IpNumber::UDP => return transport::udp(line, packet),
        IpNumber::SCTP => return transport::sctp(line, packet),
        _ => packet.put_hosts(line),
    }
    match protocol {
        IpNumber::ICMP => icmp::put(line, packet),
        IpNumber::IPV6_ICMP => icmp6::put(line, packet),
        IpNumber::IGMP => transport::igmp(line, packet),
        IpNumber::IPV4 if packet.depth < super::MAX_DEPTH => {
            put_v4(line, packet.payload, *len, packet.depth + 1);
        }
        IpNumber::IPV6 if packet.depth < super::MAX_DEPTH => {
            put_v6(line, packet.payload, *len, packet.depth + 1);
        }
        IpNumber(59) => put!(line, "no next header"),
        IpNumber(number) => put!(line, "ip-proto-{number} {len}"),
    }
}
