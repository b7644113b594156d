//! VXLAN inside a mirrored packet.

use std::fmt::Write as _;

use super::{Line, put};
use crate::dissect::vxlan::Vxlan;

/// Appends a header.
pub fn show(line: &mut Line<'_>, view: &Vxlan<'_>) {
    let (Some(flags), Some(vni)) = (view.flags(), view.vni()) else {
        return put!(line, "VXLAN, [|vxlan]");
    };
    let mark = if flags & 8 != 0 { "I" } else { "." };
    put!(line, "VXLAN, flags [{mark}] (0x{flags:02x}), vni {vni}, ");
}
