//! ICMPv6 (RFC 4443), neighbor discovery (RFC 4861), multicast listeners (RFC 3810).

use std::{io::Write as _, net::Ipv6Addr};

use etherparse::{IpNumber, Ipv6HeaderSlice};

use super::{Line, be16, be32, ip::Packet, put, said};

/// Appends a message.
pub fn put(line: &mut Line, packet: &Packet<'_>) {
    let Packet { payload, len, .. } = packet;
    let (Some(kind), Some(code)) = (payload.first(), payload.get(1)) else {
        return put!(line, "[|icmp6]");
    };
    put!(line, "ICMP6, ");
    let known = match kind {
        1 => unreachable(line, *code, payload),
        2 => be32(payload, 4).map(|mtu| put!(line, "packet too big, mtu {mtu}")),
        3 => time_exceeded(line, *code, payload),
        4 => parameter_problem(line, *code, payload),
        128 => echo(line, "request", payload),
        129 => echo(line, "reply", payload),
        130 => address(payload, 8)
            .map(|_| put!(line, "multicast listener query v{}", query_version(*len))),
        131 => said(line, "multicast listener report"),
        132 => said(line, "multicast listener done"),
        133 => said(line, "router solicitation"),
        134 => said(line, "router advertisement"),
        135 => address(payload, 8).map(|who| put!(line, "neighbor solicitation, who has {who}")),
        136 => address(payload, 8).map(|who| put!(line, "neighbor advertisement, tgt is {who}")),
        137 => redirect(line, payload),
        143 => be16(payload, 6).map(|records| {
            put!(line, "multicast listener report v2, {records} group record(s)");
        }),
        other => said(line, &format!("type-#{other}")),
    };
    match known {
        Some(()) => put!(line, ", length {len}"),
        None => put!(line, "[|icmp6]"),
    }
}

/// RFC 3810 section 8.1: the length tells the version of a query.
const fn query_version(len: u32) -> u32 {
    if len >= 28 { 2 } else { 1 }
}

fn address(payload: &[u8], at: usize) -> Option<Ipv6Addr> {
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(payload.get(at..at + 16)?).ok()?))
}

fn echo(line: &mut Line, name: &str, payload: &[u8]) -> Option<()> {
    let (id, seq) = (be16(payload, 4)?, be16(payload, 6)?);
    put!(line, "echo {name}, id {id}, seq {seq}");
    Some(())
}

fn unreachable(line: &mut Line, code: u8, payload: &[u8]) -> Option<()> {
    let original = payload.get(8..)?;
    let header = Ipv6HeaderSlice::from_slice(original).ok()?;
    let host = header.destination_addr();
    put!(line, "destination unreachable, ");
    match code {
        0 => put!(line, "unreachable route {host}"),
        1 => put!(line, "unreachable prohibited {host}"),
        2 => put!(line, "beyond scope {host}, source address {}", header.source_addr()),
        3 => put!(line, "unreachable address {host}"),
        4 => {
            let port = be16(original, 42)?;
            match header.next_header() {
                IpNumber::TCP => put!(line, "unreachable port, {host} tcp port {port}"),
                IpNumber::UDP => put!(line, "unreachable port, {host} udp port {port}"),
                other => put!(line, "unreachable port, {host} protocol {} port {port}", other.0),
            }
        }
        other => put!(line, "unknown unreach code ({other})"),
    }
    Some(())
}

fn time_exceeded(line: &mut Line, code: u8, payload: &[u8]) -> Option<()> {
    let host = address(payload, 8 + 24)?;
    match code {
        0 => put!(line, "time exceeded in-transit for {host}"),
        1 => put!(line, "ip6 reassembly time exceeded"),
        other => put!(line, "unknown time exceeded code ({other})"),
    }
    Some(())
}

fn parameter_problem(line: &mut Line, code: u8, payload: &[u8]) -> Option<()> {
    let at = be32(payload, 4)?;
    match code {
        0 => put!(line, "parameter problem, erroneous - octet {at}"),
        1 => put!(line, "parameter problem, next header - octet {at}"),
        2 => put!(line, "parameter problem, option - octet {at}"),
        other => put!(line, "parameter problem, code #{other}"),
    }
    Some(())
}

fn redirect(line: &mut Line, payload: &[u8]) -> Option<()> {
    let (target, destination) = (address(payload, 8)?, address(payload, 24)?);
    put!(line, "redirect, {destination} to {target}");
    Some(())
}
