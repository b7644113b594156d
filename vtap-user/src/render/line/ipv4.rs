//! IPv4.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::ipv4::{Flaw, Ipv4};

/// Appends a header.
pub fn show(line: &mut Line<'_>, view: &Ipv4<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    put!(line, "IP ");
    let header = match view.header() {
        Ok(header) => header,
        Err(Flaw::Cut) => return put!(line, "[|ip]"),
        Err(Flaw::BadHeader) => return put!(line, "bad header"),
        Err(Flaw::BadLength(total)) => return put!(line, "bad-len {total}"),
    };
    let missing = view.missing();
    if missing != 0 {
        put!(line, "truncated-ip - {missing} bytes missing! ");
    }
    around.set_hosts(header.source_addr().into(), header.destination_addr().into());
    if view.is_later_fragment() {
        around.put_hosts(line);
        put!(line, "ip-proto-{}", header.protocol().0);
    }
}
