//! The decision whether an inner packet is captured.

use super::{criteria::PacketKeys, selection::Selection};

/// The decision on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whether the packet is captured.
    pub capture: bool,
    /// The number of the rule that decided, counted from zero. `None` if no rule did.
    pub rule: Option<u64>,
}

/// Decides whether a packet is captured. It must fit at least one value of every flag that was
/// given. After that, the first rule that matches decides. A packet that no rule matches is not
/// captured, unless there are no rules at all.
#[inline(always)]
#[must_use]
pub fn decide(selection: &Selection, keys: &PacketKeys) -> Choice {
    if !selection.flags.hold(keys) {
        return Choice { capture: false, rule: None };
    }
    if selection.rules.is_empty() {
        return Choice { capture: true, rule: None };
    }
    selection.rules.decide(keys)
}
