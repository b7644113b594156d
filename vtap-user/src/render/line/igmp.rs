//! IGMP.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::igmp::Igmp;

/// Appends a message.
pub fn show(line: &mut Line<'_>, view: &Igmp<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    let (Some(kind), Some(group), Some(records)) =
        (view.igmp_type(), view.group(), view.group_records())
    else {
        return put!(line, "igmp [|igmp]");
    };
    match kind {
        0x11 => {
            put!(line, "igmp query v{}", view.query_version());
            if !group.is_unspecified() {
                put!(line, " [gaddr {group}]");
            }
        }
        0x12 => put!(line, "igmp v1 report {group}"),
        0x16 => put!(line, "igmp v2 report {group}"),
        0x17 => put!(line, "igmp leave {group}"),
        0x22 => put!(line, "igmp v3 report, {records} group record(s)"),
        other => put!(line, "igmp-{other} {}", view.wirelen()),
    }
}
