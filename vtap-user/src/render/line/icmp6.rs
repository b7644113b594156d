//! ICMPv6, neighbor discovery, multicast listeners.

use std::fmt::Write as _;

use etherparse::IpNumber;

use super::{Around, Line, put, words};
use crate::dissect::icmp6::Icmp6;

/// Appends a message.
pub fn show(line: &mut Line<'_>, view: &Icmp6<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    let (Some(kind), Some(code)) = (view.icmp_type(), view.code()) else {
        return put!(line, "[|icmp6]");
    };
    put!(line, "ICMP6, ");
    match put_message(line, view, kind, code) {
        Some(()) => put!(line, ", length {}", view.wirelen()),
        None => put!(line, "[|icmp6]"),
    }
}

/// Returns `None` where a field that would be shown is missing.
fn put_message(line: &mut Line<'_>, view: &Icmp6<'_>, kind: u8, code: u8) -> Option<()> {
    match kind {
        1 => put_unreachable(line, code, view),
        2 => view.mtu().map(|mtu| put!(line, "packet too big, mtu {mtu}")),
        3 => put_time_exceeded(line, code, view),
        4 => put_parameter_problem(line, code, view),
        128 => put_echo(line, "request", view),
        129 => put_echo(line, "reply", view),
        130 => {
            let version = view.query_version();
            view.target().map(|_| put!(line, "multicast listener query v{version}"))
        }
        131 => words(line, "multicast listener report"),
        132 => words(line, "multicast listener done"),
        133 => words(line, "router solicitation"),
        134 => words(line, "router advertisement"),
        135 => view.target().map(|who| put!(line, "neighbor solicitation, who has {who}")),
        136 => view.target().map(|who| put!(line, "neighbor advertisement, tgt is {who}")),
        137 => put_redirect(line, view),
        143 => {
            let records = view.group_records()?;
            put!(line, "multicast listener report v2, {records} group record(s)");
            Some(())
        }
        other => {
            put!(line, "type-#{other}");
            Some(())
        }
    }
}

fn put_echo(line: &mut Line<'_>, name: &str, view: &Icmp6<'_>) -> Option<()> {
    let (id, seq) = (view.identifier()?, view.sequence_number()?);
    put!(line, "echo {name}, id {id}, seq {seq}");
    Some(())
}

fn put_unreachable(line: &mut Line<'_>, code: u8, view: &Icmp6<'_>) -> Option<()> {
    let original = view.original()?;
    let host = original.destination_addr();
    put!(line, "destination unreachable, ");
    match code {
        0 => put!(line, "unreachable route {host}"),
        1 => put!(line, "unreachable prohibited {host}"),
        2 => put!(line, "beyond scope {host}, source address {}", original.source_addr()),
        3 => put!(line, "unreachable address {host}"),
        4 => {
            let port = view.original_destination_port()?;
            match original.next_header() {
                IpNumber::TCP => put!(line, "unreachable port, {host} tcp port {port}"),
                IpNumber::UDP => put!(line, "unreachable port, {host} udp port {port}"),
                other => put!(line, "unreachable port, {host} protocol {} port {port}", other.0),
            }
        }
        other => put!(line, "unknown unreach code ({other})"),
    }
    Some(())
}

fn put_time_exceeded(line: &mut Line<'_>, code: u8, view: &Icmp6<'_>) -> Option<()> {
    let host = view.original_destination()?;
    match code {
        0 => put!(line, "time exceeded in-transit for {host}"),
        1 => put!(line, "ip6 reassembly time exceeded"),
        other => put!(line, "unknown time exceeded code ({other})"),
    }
    Some(())
}

fn put_parameter_problem(line: &mut Line<'_>, code: u8, view: &Icmp6<'_>) -> Option<()> {
    let at = view.pointer()?;
    match code {
        0 => put!(line, "parameter problem, erroneous - octet {at}"),
        1 => put!(line, "parameter problem, next header - octet {at}"),
        2 => put!(line, "parameter problem, option - octet {at}"),
        other => put!(line, "parameter problem, code #{other}"),
    }
    Some(())
}

fn put_redirect(line: &mut Line<'_>, view: &Icmp6<'_>) -> Option<()> {
    let (target, destination) = (view.target()?, view.redirected()?);
    put!(line, "redirect, {destination} to {target}");
    Some(())
}
