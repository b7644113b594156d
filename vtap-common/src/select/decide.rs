//! The decision whether an inner packet is captured.

use super::selection::Selection;
use crate::wire::{Address, Protocol};

/// What criteria are compared with: the values of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketKeys {
    /// Network identifier.
    pub vni: u64,
    /// The tunnel's source address.
    pub outer_src: Address,
    /// The tunnel's destination address.
    pub outer_dst: Address,
    /// Inner protocol.
    pub protocol: Protocol,
    /// Inner source address.
    pub src: Address,
    /// Inner destination address.
    pub dst: Address,
    /// Inner source port, or [`ABSENT`](crate::wire::ABSENT), as are those that follow.
    pub src_port: u64,
    /// Inner destination port.
    pub dst_port: u64,
    /// Inner ICMP or ICMPv6 type.
    pub icmp_type: u64,
    /// Inner ICMP or ICMPv6 code.
    pub icmp_code: u64,
}

/// Whether a packet is captured, and the rule that said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whether the packet is captured.
    pub capture: bool,
    /// Place of the first rule that matched.
    pub rule: Option<u64>,
}

/// Decides on a packet. Values of one flag are alternatives, different flags must all hold, and
/// then the first rule that matches decides. If there are rules and none matches, the packet is not
/// captured.
#[inline(always)]
#[must_use]
pub fn decide(selection: &Selection, keys: &PacketKeys) -> Choice {
    if !flags_hold(selection, keys) {
        return Choice { capture: false, rule: None };
    }
    if selection.rules.is_empty() {
        return Choice { capture: true, rule: None };
    }
    selection.rules.decide(keys)
}

#[inline(always)]
fn flags_hold(selection: &Selection, keys: &PacketKeys) -> bool {
    // Destructured, so that the compiler reports a flag that is forgotten here.
    let Selection {
        tap_ports: _,
        vni,
        outer_src,
        outer_dst,
        protocol,
        src_port,
        dst_port,
        port,
        src,
        dst,
        net,
        rules: _,
    } = selection;
    vni.allows(|range| range.mismatch(keys.vni))
        && outer_src.allows(|cidr| cidr.mismatch(&keys.outer_src))
        && outer_dst.allows(|cidr| cidr.mismatch(&keys.outer_dst))
        && protocol.allows(|range| range.mismatch(u64::from(keys.protocol.0)))
        && src_port.allows(|range| range.mismatch(keys.src_port))
        && dst_port.allows(|range| range.mismatch(keys.dst_port))
        && port.allows(|range| {
            neither_matches(range.mismatch(keys.src_port), range.mismatch(keys.dst_port))
        })
        && src.allows(|cidr| cidr.mismatch(&keys.src))
        && dst.allows(|cidr| cidr.mismatch(&keys.dst))
        && net.allows(|cidr| neither_matches(cidr.mismatch(&keys.src), cidr.mismatch(&keys.dst)))
}

/// Zero if one of the two mismatches is zero, else one.
#[inline(always)]
const fn neither_matches(one: u64, other: u64) -> u64 {
    is_nonzero(one) & is_nonzero(other)
}

/// One if the number is not zero, else zero.
#[inline(always)]
pub(super) const fn is_nonzero(number: u64) -> u64 {
    (number | number.wrapping_neg()) >> 63
}
