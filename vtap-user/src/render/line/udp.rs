//! UDP.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::udp::Udp;

/// Appends a datagram. What it carries is shown instead of its length, where that is known.
pub fn show(line: &mut Line<'_>, view: &Udp<'_>, around: &mut Around<'_>) {
    let (Some(from), Some(to)) = (view.source_port(), view.destination_port()) else {
        around.put_hosts(line);
        return put!(line, "[|udp]");
    };
    around.put_ports(line, from, to);
    let Some(len) = view.payload_len() else { return put!(line, "[|udp]") };
    if !around.is_innermost {
        return;
    }
    match view.bad_len() {
        Some(room) => put!(line, "UDP, bad length {len} > {room}"),
        None => put!(line, "UDP, length {len}"),
    }
}
