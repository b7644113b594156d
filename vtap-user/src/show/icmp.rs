//! ICMP (RFC 792).

use std::io::Write as _;

use etherparse::{IpNumber, Ipv4HeaderSlice};

use super::{Line, be16, be32, ip::Packet, put, said};

/// Appends a message.
pub fn put(line: &mut Line, packet: &Packet<'_>) {
    let Packet { payload, len, .. } = packet;
    let (Some(kind), Some(code)) = (payload.first(), payload.get(1)) else {
        return put!(line, "[|icmp]");
    };
    put!(line, "ICMP ");
    let known = match (kind, code) {
        (0, _) => echo(line, "reply", payload),
        (8, _) => echo(line, "request", payload),
        (3, _) => unreachable(line, *code, payload),
        (4, _) => said(line, "source quench"),
        (5, _) => redirect(line, *code, payload),
        (9, _) => said(line, "router advertisement"),
        (10, _) => said(line, "router solicitation"),
        (11, 0) => said(line, "time exceeded in-transit"),
        (11, 1) => said(line, "ip reassembly time exceeded"),
        (12, _) => payload.get(4).map(|at| put!(line, "parameter problem - octet {at}")),
        (13, _) => timestamp(line, "query", payload),
        (14, _) => timestamp(line, "reply", payload),
        (17, _) => said(line, "address mask request"),
        (18, _) => be32(payload, 8).map(|mask| put!(line, "address mask is 0x{mask:08x}")),
        _ => said(line, &format!("type-#{kind}")),
    };
    match known {
        Some(()) => put!(line, ", length {len}"),
        None => put!(line, "[|icmp]"),
    }
}

fn echo(line: &mut Line, name: &str, payload: &[u8]) -> Option<()> {
    let (id, seq) = (be16(payload, 4)?, be16(payload, 6)?);
    put!(line, "echo {name}, id {id}, seq {seq}");
    Some(())
}

fn timestamp(line: &mut Line, name: &str, payload: &[u8]) -> Option<()> {
    let (id, seq) = (be16(payload, 4)?, be16(payload, 6)?);
    put!(line, "time stamp {name} id {id} seq {seq}");
    Some(())
}

fn unreachable(line: &mut Line, code: u8, payload: &[u8]) -> Option<()> {
    let original = Ipv4HeaderSlice::from_slice(payload.get(8..)?).ok()?;
    let host = original.destination_addr();
    let behind = payload.get(8 + original.slice().len()..)?;
    match code {
        0 => put!(line, "net {host} unreachable"),
        1 => put!(line, "host {host} unreachable"),
        2 => put!(line, "{host} protocol {} unreachable", original.protocol().0),
        3 => {
            let port = be16(behind, 2)?;
            match original.protocol() {
                IpNumber::TCP => put!(line, "{host} tcp port {port} unreachable"),
                IpNumber::UDP => put!(line, "{host} udp port {port} unreachable"),
                other => put!(line, "{host} protocol {} port {port} unreachable", other.0),
            }
        }
        4 => put!(line, "{host} unreachable - need to frag (mtu {})", be16(payload, 6)?),
        5 => put!(line, "{host} unreachable - source route failed"),
        6 => put!(line, "net {host} unreachable - unknown"),
        7 => put!(line, "host {host} unreachable - unknown"),
        9 => put!(line, "net {host} unreachable - admin prohibited"),
        10 => put!(line, "host {host} unreachable - admin prohibited"),
        13 => put!(line, "host {host} unreachable - admin prohibited filter"),
        other => put!(line, "{host} unreachable - #{other}"),
    }
    Some(())
}

fn redirect(line: &mut Line, code: u8, payload: &[u8]) -> Option<()> {
    let gateway = std::net::Ipv4Addr::from_bits(be32(payload, 4)?);
    let host = Ipv4HeaderSlice::from_slice(payload.get(8..)?).ok()?.destination_addr();
    let what = match code {
        0 => "net",
        1 => "host",
        2 => "tos-net",
        3 => "tos-host",
        _ => "",
    };
    put!(line, "redirect {host} to {what} {gateway}");
    Some(())
}
