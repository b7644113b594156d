//! The decision whether an inner packet is captured.

use crate::{Matched, selection::Selection};

/// The decision, and the rule that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the packet is captured.
    pub capture: bool,
    /// Place of the first rule that matched.
    pub rule: Option<u64>,
}

/// Values of one flag are alternatives, different flags must all hold, and then the rules decide
/// in their order. Where there are rules and none matches, the packet is not captured.
#[inline(always)]
#[must_use]
pub fn decide(selection: &Selection, found: &Matched) -> Decision {
    if !flags_hold(selection, found) {
        return Decision { capture: false, rule: None };
    }
    if selection.rules.is_empty() {
        return Decision { capture: true, rule: None };
    }
    selection.rules.decide(u64::from(found.tunnel.vni()), &found.inner)
}

#[inline(always)]
fn flags_hold(selection: &Selection, found: &Matched) -> bool {
    let Matched { datagram, tunnel, inner } = found;
    // Destructured, so that a new flag cannot be forgotten here.
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
    vni.allows(|range| range.mismatch(u64::from(tunnel.vni())))
        && outer_src.allows(|cidr| cidr.mismatch(&datagram.src))
        && outer_dst.allows(|cidr| cidr.mismatch(&datagram.dst))
        && protocol.allows(|range| range.mismatch(u64::from(inner.protocol.0)))
        && src_port.allows(|range| range.mismatch(inner.src_port))
        && dst_port.allows(|range| range.mismatch(inner.dst_port))
        && port.allows(|range| both(range.mismatch(inner.src_port), range.mismatch(inner.dst_port)))
        && src.allows(|cidr| cidr.mismatch(&inner.src))
        && dst.allows(|cidr| cidr.mismatch(&inner.dst))
        && net.allows(|cidr| both(cidr.mismatch(&inner.src), cidr.mismatch(&inner.dst)))
}

/// Zero where either is.
#[inline(always)]
const fn both(one: u64, other: u64) -> u64 {
    is_nonzero(one) & is_nonzero(other)
}

/// One where the number is not zero.
#[inline(always)]
pub(crate) const fn is_nonzero(number: u64) -> u64 {
    (number | number.wrapping_neg()) >> 63
}
