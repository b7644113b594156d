//! MPLS label stacks.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::mpls::Mpls;

/// Appends a stack.
pub fn show(line: &mut Line<'_>, view: &Mpls<'_>, around: &Around<'_>) {
    put!(line, "MPLS");
    for entry in view.entries() {
        let (label, class, ttl) = (entry.label(), entry.traffic_class(), entry.ttl());
        let mark = if entry.is_bottom() { ", [S]" } else { "" };
        put!(line, " (label {label}, tc {class}{mark}, ttl {ttl})");
    }
    match view.payload() {
        Some(payload) if around.is_innermost => put!(line, " length {}", payload.len),
        Some(_) => put!(line, " "),
        None if view.is_too_deep() => put!(line, " ..."),
        None => put!(line, " [|mpls]"),
    }
}
