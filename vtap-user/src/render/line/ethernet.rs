//! Ethernet headers and VLAN tags, which are not shown where what they carry is.

use std::fmt::Write as _;

use super::{Around, Line, put};
use crate::dissect::{ethernet::Ethernet, vlan::Vlan};

/// Appends a header.
pub fn show<'a>(line: &mut Line<'_>, view: &Ethernet<'a>, around: &mut Around<'a>) {
    around.frame = Some(*view);
    if view.ether_type().is_none() {
        put!(line, "[|ether]");
    }
}

/// Appends a tag.
pub fn put_tag(line: &mut Line<'_>, view: &Vlan<'_>) {
    if view.ether_type().is_none() {
        put!(line, "[|vlan]");
    }
}

/// Appends a MAC address.
pub fn put_mac(line: &mut Line<'_>, address: [u8; 6]) {
    for (place, byte) in address.iter().enumerate() {
        let colon = if place == 0 { "" } else { ":" };
        put!(line, "{colon}{byte:02x}");
    }
}
