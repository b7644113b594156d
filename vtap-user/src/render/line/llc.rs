//! Frames of IEEE 802.2, and LLDP.

use std::fmt::Write as _;

use super::{Line, put};
use crate::dissect::{llc::Llc, lldp::Lldp};

/// Appends an LLC header.
pub fn show(line: &mut Line<'_>, view: &Llc<'_>) {
    let (Some(dsap), Some(ssap), Some(control)) = (view.dsap(), view.ssap(), view.control()) else {
        return put!(line, "[|llc]");
    };
    let length = view.length();
    if [dsap, ssap] == [Llc::SPANNING_TREE; 2] {
        return put!(line, "STP, length {length}");
    }
    put!(
        line,
        "LLC, dsap 0x{dsap:02x}, ssap 0x{ssap:02x}, control 0x{control:02x}, length {length}"
    );
}

/// Appends an LLDP packet.
pub fn put_lldp(line: &mut Line<'_>, view: &Lldp<'_>) {
    put!(line, "LLDP, length {}", view.wirelen());
}
