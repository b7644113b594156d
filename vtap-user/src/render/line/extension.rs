//! IPv6 extension headers, by the names that tcpdump has for them.

use std::fmt::Write as _;

use etherparse::IpNumber;

use super::{Around, Line, put};
use crate::dissect::extension::Extension;

/// Bytes of an integrity check value that are shown; no algorithm in use has more.
const MAX_ICV: usize = 32;

/// Appends a header.
pub fn show(line: &mut Line<'_>, view: &Extension<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    match view.number() {
        IpNumber::IPV6_HEADER_HOP_BY_HOP => put!(line, "HBH "),
        IpNumber::IPV6_DESTINATION_OPTIONS => put!(line, "DSTOPT "),
        IpNumber::IPV6_ROUTE_HEADER => put!(line, "srcrt "),
        IpNumber::MOBILITY_HEADER => put!(line, "mobility "),
        _ => {}
    }
    if view.header_len().is_none() {
        return put!(line, "[|ip6]");
    }
    match view.number() {
        IpNumber::AUTHENTICATION_HEADER => put_authentication(line, view),
        IpNumber::IPV6_FRAGMENTATION_HEADER => put_fragment(line, view),
        _ => {}
    }
}

fn put_fragment(line: &mut Line<'_>, view: &Extension<'_>) {
    let Some(offset) = view.fragment_offset() else { return put!(line, "[|frag]") };
    put!(line, "frag ({offset}|{})", view.wirelen().saturating_sub(8));
    if offset == 0 {
        put!(line, " ");
    }
}

fn put_authentication(line: &mut Line<'_>, view: &Extension<'_>) {
    let (Some(spi), Some(seq)) = (view.spi(), view.sequence_number()) else {
        return put!(line, "[|ah]");
    };
    put!(line, "AH(spi=0x{spi:08x},seq=0x{seq:x},icv=0x");
    for byte in view.integrity_check_value().iter().take(MAX_ICV) {
        put!(line, "{byte:02x}");
    }
    put!(line, "): ");
}
