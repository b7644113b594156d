//! UDP, SCTP, IGMP.

use std::{io::Write as _, net::Ipv4Addr};

use vtap_common::wire::vxlan;

use super::{Line, MAX_DEPTH, be16, be32, ethernet, ip::Packet, put};

/// Appends a datagram (RFC 768).
pub fn udp(line: &mut Line, packet: &Packet<'_>) {
    let Packet { payload, len, depth, .. } = packet;
    let (Some(from), Some(to)) = (be16(payload, 0), be16(payload, 2)) else {
        packet.put_hosts(line);
        return put!(line, "[|udp]");
    };
    packet.put_ports(line, from, to);
    let Some(data) = payload.get(8..) else { return put!(line, "[|udp]") };
    let stated = u32::from(be16(payload, 4).unwrap_or_default());
    let data_len = if stated == 0 { *len } else { stated }.saturating_sub(8);
    if to == vxlan::PORT && *depth < MAX_DEPTH {
        // The datagram ends where UDP says, of a super-frame too.
        let data = &data[..data.len().min(data_len as usize)];
        return ethernet::vxlan(line, data, data_len, *depth);
    }
    if stated > *len {
        put!(line, "UDP, bad length {data_len} > {}", len.saturating_sub(8));
    } else {
        put!(line, "UDP, length {data_len}");
    }
}

/// Appends a packet with the types of its first chunks (RFC 9260 section 3.2).
pub fn sctp(line: &mut Line, packet: &Packet<'_>) {
    const NAMES: [&str; 16] = [
        "DATA",
        "INIT",
        "INIT ACK",
        "SACK",
        "HB REQ",
        "HB ACK",
        "ABORT",
        "SHUTDOWN",
        "SHUTDOWN ACK",
        "OP ERR",
        "COOKIE ECHO",
        "COOKIE ACK",
        "ECNE",
        "CWR",
        "SHUTDOWN COMPLETE",
        "AUTH",
    ];
    const MOST: u32 = 8;
    let Packet { payload, .. } = packet;
    let (Some(from), Some(to)) = (be16(payload, 0), be16(payload, 2)) else {
        packet.put_hosts(line);
        return put!(line, "[|sctp]");
    };
    packet.put_ports(line, from, to);
    put!(line, "sctp");
    let mut rest = payload.get(12..).unwrap_or_default();
    for number in 1..=MOST {
        let (Some(kind), Some(len)) = (rest.first(), be16(rest, 2)) else { break };
        match NAMES.get(usize::from(*kind)) {
            Some(name) => put!(line, " ({number}) [{name}]"),
            None => put!(line, " ({number}) [{kind}]"),
        }
        rest = rest.get(usize::from(len).next_multiple_of(4).max(4)..).unwrap_or_default();
    }
}

/// Appends a message (RFC 9776).
pub fn igmp(line: &mut Line, packet: &Packet<'_>) {
    let Packet { payload, len, .. } = packet;
    let (Some(kind), Some(group)) = (payload.first(), be32(payload, 4)) else {
        return put!(line, "igmp [|igmp]");
    };
    let group_address = Ipv4Addr::from_bits(group);
    match kind {
        0x11 => {
            let version = if *len >= 12 { 3 } else { 2 };
            put!(line, "igmp query v{version}");
            if group != 0 {
                put!(line, " [gaddr {group_address}]");
            }
        }
        0x12 => put!(line, "igmp v1 report {group_address}"),
        0x16 => put!(line, "igmp v2 report {group_address}"),
        0x17 => put!(line, "igmp leave {group_address}"),
        0x22 => put!(line, "igmp v3 report, {} group record(s)", group & 0xffff),
        other => put!(line, "igmp-{other} {len}"),
    }
}
