//! The decision whether an inner packet is captured.

use crate::{
    inner::Inner,
    outer::Datagram,
    selection::{MAX_RULES, Rule, Selection, criteria},
};

/// The decision, and the rule that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the packet is captured.
    pub capture: bool,
    /// Place of the first rule that matched.
    pub rule: Option<u32>,
}

/// Values of one flag are alternatives, different flags must all hold, and then the rules decide
/// in their order. Where there are rules and none matches, the packet is not captured.
#[inline(always)]
#[must_use]
pub fn decide(selection: &Selection, datagram: &Datagram, vni: u32, inner: &Inner) -> Decision {
    if !flags_hold(selection, datagram, vni, inner) {
        return Decision {
            capture: false,
            rule: None,
        };
    }
    if selection.rules.is_empty() {
        return Decision {
            capture: true,
            rule: None,
        };
    }
    for index in 0..MAX_RULES {
        let Some(rule) = selection.rules.get(index) else {
            break;
        };
        if matches(rule, vni, inner) {
            return Decision {
                capture: rule.include != 0,
                rule: Some(index as u32),
            };
        }
    }
    Decision {
        capture: false,
        rule: None,
    }
}

#[inline(always)]
fn flags_hold(selection: &Selection, datagram: &Datagram, vni: u32, inner: &Inner) -> bool {
    // Destructured, so that a new flag cannot be forgotten here.
    let Selection {
        tap_ports: _,
        vni: vnis,
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
    vnis.allows(|range| range.contains(vni))
        && outer_src.allows(|cidr| cidr.contains(&datagram.src))
        && outer_dst.allows(|cidr| cidr.contains(&datagram.dst))
        && protocol.allows(|&protocol| protocol == inner.protocol)
        && src_port.allows(|range| range.contains(inner.src_port))
        && dst_port.allows(|range| range.contains(inner.dst_port))
        && port.allows(|range| range.contains(inner.src_port) || range.contains(inner.dst_port))
        && src.allows(|cidr| cidr.contains(&inner.src))
        && dst.allows(|cidr| cidr.contains(&inner.dst))
        && net.allows(|cidr| cidr.contains(&inner.src) || cidr.contains(&inner.dst))
}

#[inline(always)]
fn matches(rule: &Rule, vni: u32, inner: &Inner) -> bool {
    let present = rule.criteria;
    (present & criteria::PROTOCOL == 0 || rule.protocol == inner.protocol)
        && (present & criteria::DST_PORT == 0 || rule.dst_port.contains(inner.dst_port))
        && (present & criteria::SRC_PORT == 0 || rule.src_port.contains(inner.src_port))
        && (present & criteria::SRC == 0 || rule.src.contains(&inner.src))
        && (present & criteria::DST == 0 || rule.dst.contains(&inner.dst))
        && (present & criteria::VNI == 0 || rule.vni.contains(vni))
        && (present & criteria::ICMP_TYPE == 0 || rule.icmp_type == inner.icmp_type)
        && (present & criteria::ICMP_CODE == 0 || rule.icmp_code == inner.icmp_code)
}
