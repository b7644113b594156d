//! IPv4, IPv6 and its extension headers.

use std::{io::Write as _, net::IpAddr};

use etherparse::{IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::{Line, be16, icmp, icmp6, put, tcp, transport};

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
    let len = total - header_len as u32;
    let protocol = header.protocol();
    if header.fragments_offset().value() != 0 {
        return put!(line, "{src} > {dst}: ip-proto-{}", protocol.0);
    }
    put_transport(line, protocol, &Packet { src, dst, payload, len, depth });
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
    };
    extensions(line, header.next_header(), packet);
}

/// RFC 8200 section 4. The names are those of tcpdump.
fn extensions(line: &mut Line, mut next: IpNumber, mut packet: Packet<'_>) {
    let mut names = Vec::new();
    loop {
        let name = match next {
            IpNumber::IPV6_HEADER_HOP_BY_HOP => "HBH ",
            IpNumber::IPV6_DESTINATION_OPTIONS => "DSTOPT ",
            IpNumber::IPV6_ROUTE_HEADER => "srcrt ",
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                match fragment(&mut names, &packet) {
                    Fragment::First(following) => next = following,
                    Fragment::Later => break line.extend(addressed(&packet, &names)),
                    Fragment::Cut => break line.extend(addressed(&packet, b"[|frag]")),
                }
                advance(&mut packet, 8);
                continue;
            }
            _ => {
                // The ports come before the names for protocols that have them.
                if names.is_empty() || names.len() > 256 {
                    return put_transport(line, next, &packet);
                }
                line.extend(addressed(&packet, &names));
                let start = line.len();
                put_transport(line, next, &packet);
                return drop_addresses(line, start);
            }
        };
        names.extend_from_slice(name.as_bytes());
        let (Some(&following), Some(&len)) = (packet.payload.first(), packet.payload.get(1)) else {
            names.extend_from_slice(b"[|ip6]");
            break line.extend(addressed(&packet, &names));
        };
        next = IpNumber(following);
        advance(&mut packet, (usize::from(len) + 1) * 8);
    }
}

/// What a fragment header says.
enum Fragment {
    /// The next header.
    First(IpNumber),
    /// No transport header follows.
    Later,
    /// It is not all there.
    Cut,
}

fn fragment(names: &mut Vec<u8>, packet: &Packet<'_>) -> Fragment {
    let (Some(&next), Some(offset)) = (packet.payload.first(), be16(packet.payload, 2)) else {
        return Fragment::Cut;
    };
    let (offset, len) = (offset & 0xfff8, packet.len.saturating_sub(8));
    let _ = write!(names, "frag ({offset}|{len}) ");
    if offset == 0 { Fragment::First(IpNumber(next)) } else { Fragment::Later }
}

fn advance(packet: &mut Packet<'_>, by: usize) {
    packet.payload = packet.payload.get(by..).unwrap_or_default();
    packet.len = packet.len.saturating_sub(by as u32);
}

fn addressed(packet: &Packet<'_>, names: &[u8]) -> Vec<u8> {
    let mut text = format!("{} > {}: ", packet.src, packet.dst).into_bytes();
    text.extend_from_slice(names);
    text
}

/// Removes `a > b: ` at `start`, which stands before the names of extension headers already.
fn drop_addresses(line: &mut Line, start: usize) {
    let end = line[start..].windows(2).position(|two| two == b": ");
    if let Some(end) = end {
        line.drain(start..start + end + 2);
    }
}

fn put_transport(line: &mut Line, protocol: IpNumber, packet: &Packet<'_>) {
    let Packet { src, dst, len, .. } = packet;
    match protocol {
        IpNumber::TCP => return tcp::put(line, packet),
        IpNumber::UDP => return transport::udp(line, packet),
        IpNumber::SCTP => return transport::sctp(line, packet),
        _ => put!(line, "{src} > {dst}: "),
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
