//! SCTP.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::sctp::Sctp;

/// The chunk types from 0 on (RFC 9260 section 3.2, RFC 4895).
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

/// Appends a packet with the types of its first chunks.
pub fn show(line: &mut Line<'_>, view: &Sctp<'_>, around: &mut Around<'_>) {
    let (Some(from), Some(to)) = (view.source_port(), view.destination_port()) else {
        around.put_hosts(line);
        return put!(line, "[|sctp]");
    };
    around.put_ports(line, from, to);
    put!(line, "sctp");
    for (number, kind) in (1..).zip(view.chunk_types()) {
        match NAMES.get(usize::from(kind)) {
            Some(name) => put!(line, " ({number}) [{name}]"),
            None => put!(line, " ({number}) [{kind}]"),
        }
    }
}
