//! The rules, in a form that makes a packet's decision take about the same time for any number of
//! rules.
//!
//! Comparing a packet with the rules one by one would cost 5 ns per rule. Instead, user space
//! prepares a lookup table for each criterion. The table divides all possible values into
//! [`Intervals`], so that all values in an interval are accepted by the same rules. With each
//! interval it stores the [`Set`] of these rules. For a packet, the kernel side looks up one set
//! per criterion that is in use and intersects them. The first rule in the intersection decides.
//! (This is the bit-vector scheme of Lakshman and Stiliadis, SIGCOMM 1998.)

use super::{
    criteria::{Cuts, PacketKeys, Rule, RuleTables, is_nonzero},
    decide::Choice,
    intervals::Set,
};

/// The most rules there can be.
pub const MAX_RULES: usize = 128;

/// The rules in their order; the first that matches decides.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Rules {
    len: u64,
    include: Set,
    cuts: Cuts,
    /// Takes the place of padding, of which there must be none (see `abi::pod`).
    _unused: [u32; UNUSED],
    tables: RuleTables,
}

const UNUSED: usize = size_of::<Cuts>() / size_of::<u32>() % 2;

impl Rules {
    /// No rules.
    pub const NONE: Self = Self {
        len: 0,
        include: Set::NONE,
        cuts: Cuts::NONE,
        _unused: [0; UNUSED],
        tables: RuleTables::NONE,
    };

    /// Sets the rules. Returns false and changes nothing if there are more than [`MAX_RULES`].
    #[must_use]
    pub fn set(&mut self, rules: &[Rule]) -> bool {
        if rules.len() > MAX_RULES {
            return false;
        }
        self.len = rules.len() as u64;
        self.include = Set::of(rules, |rule| rule.include);
        self.tables.build(&mut self.cuts, rules);
        true
    }

    /// Whether there are no rules.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The decision of the first rule that matches. If no rule matches, the packet is not captured.
    #[inline(always)]
    pub(crate) fn decide(&self, keys: &PacketKeys) -> Choice {
        let mut fitting = Set::ALL;
        let all = self.len > u64::from(u64::BITS);
        self.tables.narrow(&self.cuts, &mut fitting, all, keys);
        // The second word of the set is used only if there are more than 64 rules.
        let (fitting, include, base) = if all && fitting.0[0] == 0 {
            (fitting.0[1], self.include.0[1], u64::from(u64::BITS))
        } else {
            (fitting.0[0], self.include.0[0], 0)
        };
        if fitting == 0 {
            return Choice { capture: false, rule: None };
        }
        let first = fitting & fitting.wrapping_neg();
        Choice { capture: include & first != 0, rule: Some(base + place_of(first)) }
    }
}

/// The index of the only bit that is set in `bit`. BPF has no instruction to count trailing zeros.
#[inline(always)]
const fn place_of(bit: u64) -> u64 {
    is_nonzero(bit & 0xaaaa_aaaa_aaaa_aaaa)
        | is_nonzero(bit & 0xcccc_cccc_cccc_cccc) << 1
        | is_nonzero(bit & 0xf0f0_f0f0_f0f0_f0f0) << 2
        | is_nonzero(bit & 0xff00_ff00_ff00_ff00) << 3
        | is_nonzero(bit & 0xffff_0000_ffff_0000) << 4
        | is_nonzero(bit & 0xffff_ffff_0000_0000) << 5
}
