//! ICMP.

use std::fmt::Write as _;

use etherparse::IpNumber;

use super::{Around, Line, put, words};
use crate::dissect::icmp::Icmp;

/// Appends a message.
pub fn show(line: &mut Line<'_>, view: &Icmp<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    let (Some(kind), Some(code)) = (view.icmp_type(), view.code()) else {
        return put!(line, "[|icmp]");
    };
    put!(line, "ICMP ");
    match put_message(line, view, kind, code) {
        Some(()) => put!(line, ", length {}", view.wirelen()),
        None => put!(line, "[|icmp]"),
    }
}

/// Returns `None` where a field that would be shown is missing.
fn put_message(line: &mut Line<'_>, view: &Icmp<'_>, kind: u8, code: u8) -> Option<()> {
    match (kind, code) {
        (0, _) => put_echo(line, "reply", view),
        (8, _) => put_echo(line, "request", view),
        (3, _) => put_unreachable(line, code, view),
        (4, _) => words(line, "source quench"),
        (5, _) => put_redirect(line, code, view),
        (9, _) => words(line, "router advertisement"),
        (10, _) => words(line, "router solicitation"),
        (11, 0) => words(line, "time exceeded in-transit"),
        (11, 1) => words(line, "ip reassembly time exceeded"),
        (12, _) => view.pointer().map(|at| put!(line, "parameter problem - octet {at}")),
        (13, _) => put_timestamp(line, "query", view),
        (14, _) => put_timestamp(line, "reply", view),
        (17, _) => words(line, "address mask request"),
        (18, _) => view.address_mask().map(|mask| put!(line, "address mask is 0x{mask:08x}")),
        _ => {
            put!(line, "type-#{kind}");
            Some(())
        }
    }
}

fn put_echo(line: &mut Line<'_>, name: &str, view: &Icmp<'_>) -> Option<()> {
    let (id, seq) = (view.identifier()?, view.sequence_number()?);
    put!(line, "echo {name}, id {id}, seq {seq}");
    Some(())
}

fn put_timestamp(line: &mut Line<'_>, name: &str, view: &Icmp<'_>) -> Option<()> {
    let (id, seq) = (view.identifier()?, view.sequence_number()?);
    put!(line, "time stamp {name} id {id} seq {seq}");
    Some(())
}

fn put_unreachable(line: &mut Line<'_>, code: u8, view: &Icmp<'_>) -> Option<()> {
    let original = view.original()?;
    let host = original.destination_addr();
    match code {
        0 => put!(line, "net {host} unreachable"),
        1 => put!(line, "host {host} unreachable"),
        2 => put!(line, "{host} protocol {} unreachable", original.protocol().0),
        3 => {
            let port = view.original_destination_port()?;
            match original.protocol() {
                IpNumber::TCP => put!(line, "{host} tcp port {port} unreachable"),
                IpNumber::UDP => put!(line, "{host} udp port {port} unreachable"),
                other => put!(line, "{host} protocol {} port {port} unreachable", other.0),
            }
        }
        4 => put!(line, "{host} unreachable - need to frag (mtu {})", view.next_hop_mtu()?),
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

fn put_redirect(line: &mut Line<'_>, code: u8, view: &Icmp<'_>) -> Option<()> {
    let gateway = view.gateway()?;
    let host = view.original()?.destination_addr();
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
