//! IPv6.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::ipv6::{Flaw, Ipv6};

/// Appends a fixed header.
pub fn show(line: &mut Line<'_>, view: &Ipv6<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    put!(line, "IP6 ");
    let header = match view.header() {
        Ok(header) => header,
        Err(Flaw::Cut) => return put!(line, "[|ip6]"),
        Err(Flaw::BadHeader) => return put!(line, "bad header"),
    };
    let missing = view.missing();
    if missing != 0 {
        put!(line, "truncated-ip6 - {missing} bytes missing!");
    }
    around.set_hosts(header.source_addr().into(), header.destination_addr().into());
}
