//! What no other file here shows.

use std::fmt::Write as _;

use etherparse::IpNumber;

use super::{Around, Line, ethernet::put_mac, put};
use crate::dissect::{
    unknown_protocol::UnknownProtocol, unknown_type::UnknownType, unknown_version::UnknownVersion,
};

/// Appends a payload of an unknown `EtherType`.
pub fn put_type(line: &mut Line<'_>, view: &UnknownType<'_>, around: &Around<'_>) {
    let ether_type = view.ether_type().0;
    let len = around.frame.map_or(view.wirelen(), |frame| frame.wirelen());
    if let Some((source, destination)) =
        around.frame.and_then(|frame| frame.source().zip(frame.destination()))
    {
        put_mac(line, source);
        put!(line, " > ");
        put_mac(line, destination);
    }
    put!(line, ", ethertype Unknown (0x{ether_type:04x}), length {len}");
}

/// Appends a payload of an unknown IP protocol.
pub fn put_protocol(line: &mut Line<'_>, view: &UnknownProtocol<'_>, around: &mut Around<'_>) {
    around.put_hosts(line);
    match view.number() {
        IpNumber::IPV6_NO_NEXT_HEADER => put!(line, "no next header"),
        IpNumber(number) => put!(line, "ip-proto-{number} {}", view.wirelen()),
    }
}

/// Appends a packet of an unknown IP version.
pub fn put_version(line: &mut Line<'_>, view: &UnknownVersion<'_>) {
    match view.version() {
        Some(version) => put!(line, "unknown ip {version}"),
        None => put!(line, "[|ip]"),
    }
}
