//! TCP (RFC 9293).

use std::io::Write as _;

use etherparse::{TcpHeaderSlice, TcpOptionElement};

use super::{Line, be16, ip::Packet, put};

/// Appends a segment.
pub fn put(line: &mut Line, packet: &Packet<'_>) {
    let Packet { payload, len, .. } = packet;
    let (Some(from), Some(to)) = (be16(payload, 0), be16(payload, 2)) else {
        packet.put_hosts(line);
        return put!(line, "[|tcp]");
    };
    packet.put_ports(line, from, to);
    let header = match TcpHeaderSlice::from_slice(payload) {
        Ok(header) => header,
        Err(_) if payload.get(12).is_some_and(|byte| byte >> 4 < 5) => {
            return put!(line, "tcp {len} [bad hdr length {}]", (payload[12] >> 4) * 4);
        }
        Err(_) => return put!(line, "[|tcp]"),
    };
    let data = len.saturating_sub(header.slice().len() as u32);
    flags(line, &header);
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
    options(line, &header);
    put!(line, ", length {data}");
}

fn flags(line: &mut Line, header: &TcpHeaderSlice<'_>) {
    let all = [
        (header.fin(), 'F'),
        (header.syn(), 'S'),
        (header.rst(), 'R'),
        (header.psh(), 'P'),
        (header.ack(), '.'),
        (header.urg(), 'U'),
        (header.ece(), 'E'),
        (header.cwr(), 'W'),
    ];
    let set: String = all.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    put!(line, "Flags [{}]", if set.is_empty() { "none" } else { &set });
}

fn options(line: &mut Line, header: &TcpHeaderSlice<'_>) {
    if header.options().is_empty() {
        return;
    }
    put!(line, ", options [");
    let mut iterator = header.options_iterator();
    let mut separator = "";
    while let Some(option) = iterator.next() {
        put!(line, "{separator}");
        separator = ",";
        match option {
            Ok(TcpOptionElement::Noop) => put!(line, "nop"),
            Ok(TcpOptionElement::MaximumSegmentSize(size)) => put!(line, "mss {size}"),
            Ok(TcpOptionElement::WindowScale(shift)) => put!(line, "wscale {shift}"),
            Ok(TcpOptionElement::SelectiveAcknowledgementPermitted) => put!(line, "sackOK"),
            Ok(TcpOptionElement::Timestamp(value, echo)) => {
                put!(line, "TS val {value} ecr {echo}");
            }
            Ok(TcpOptionElement::SelectiveAcknowledgement(first, rest)) => {
                let ranges: Vec<_> =
                    std::iter::once(first).chain(rest.into_iter().flatten()).collect();
                put!(line, "sack {} ", ranges.len());
                for (left, right) in ranges {
                    put!(line, "{{{left}:{right}}}");
                }
            }
            Err(_) => {
                let kind = iterator.rest().first().copied().unwrap_or_default();
                put!(line, "unknown-{kind}");
                break;
            }
        }
    }
    if iterator.rest().first() == Some(&0) {
        put!(line, "{separator}eol");
    }
    put!(line, "]");
}
