//! The decision whether an inner packet is captured.

use super::{criteria::PacketKeys, selection::Selection};

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
    if !selection.flags.hold(keys) {
        return Choice { capture: false, rule: None };
    }
    if selection.rules.is_empty() {
        return Choice { capture: true, rule: None };
    }
    selection.rules.decide(keys)
}
