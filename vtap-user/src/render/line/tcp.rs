//! TCP.

use std::fmt::Write as _;

use etherparse::{TcpHeaderSlice, TcpOptionElement};

use super::{Around, Line, put, words};
use crate::dissect::tcp::Tcp;

/// Appends a segment.
pub fn show(line: &mut Line<'_>, view: &Tcp<'_>, around: &mut Around<'_>) {
    let (Some(from), Some(to)) = (view.source_port(), view.destination_port()) else {
        around.put_hosts(line);
        return put!(line, "[|tcp]");
    };
    around.put_ports(line, from, to);
    let Some(header) = view.header() else {
        return match view.bad_header_len() {
            Some(len) => put!(line, "tcp {} [bad hdr length {len}]", view.wirelen()),
            None => put!(line, "[|tcp]"),
        };
    };
    let data = view.wirelen().saturating_sub(header.slice().len() as u32);
    put_flags(line, &header);
    let (seq, ack) = (header.sequence_number(), header.acknowledgment_number());
    if data > 0 {
        put!(line, ", seq {seq}:{}", seq.wrapping_add(data));
    } else if header.syn() || header.fin() || header.rst() {
        put!(line, ", seq {seq}");
    }
    if header.ack() {
        put!(line, ", ack {ack}");
    }
    put!(line, ", win {}", header.window_size());
    if header.urg() {
        put!(line, ", urg {}", header.urgent_pointer());
    }
    put_options(line, &header);
    put!(line, ", length {data}");
}

fn put_flags(line: &mut Line<'_>, header: &TcpHeaderSlice<'_>) {
    let all = [
        (header.fin(), "F"),
        (header.syn(), "S"),
        (header.rst(), "R"),
        (header.psh(), "P"),
        (header.ack(), "."),
        (header.urg(), "U"),
        (header.ece(), "E"),
        (header.cwr(), "W"),
    ];
    put!(line, "Flags [");
    let set = all.iter().filter(|(set, _)| *set);
    if set.clone().next().is_none() {
        put!(line, "none");
    }
    for (_, letter) in set {
        words(line, letter);
    }
    put!(line, "]");
}

fn put_options(line: &mut Line<'_>, header: &TcpHeaderSlice<'_>) {
    if header.options().is_empty() {
        return;
    }
    put!(line, ", options [");
    let mut iterator = header.options_iterator();
    let mut separator = "";
    while let Some(option) = iterator.next() {
        put!(line, "{separator}");
        separator = ",";
        let Ok(option) = option else {
            let kind = iterator.rest().first().copied().unwrap_or_default();
            put!(line, "unknown-{kind}");
            break;
        };
        put_option(line, &option);
    }
    if iterator.rest().first() == Some(&0) {
        put!(line, "{separator}eol");
    }
    put!(line, "]");
}

fn put_option(line: &mut Line<'_>, option: &TcpOptionElement) {
    match *option {
        TcpOptionElement::Noop => put!(line, "nop"),
        TcpOptionElement::MaximumSegmentSize(size) => put!(line, "mss {size}"),
        TcpOptionElement::WindowScale(shift) => put!(line, "wscale {shift}"),
        TcpOptionElement::SelectiveAcknowledgementPermitted => put!(line, "sackOK"),
        TcpOptionElement::Timestamp(value, echo) => put!(line, "TS val {value} ecr {echo}"),
        TcpOptionElement::SelectiveAcknowledgement(first, rest) => {
            let ranges = std::iter::once(first).chain(rest.into_iter().flatten());
            put!(line, "sack {} ", ranges.clone().count());
            for (left, right) in ranges {
                put!(line, "{{{left}:{right}}}");
            }
        }
    }
}
