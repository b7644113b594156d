//! Which rules the values of a criterion fit.

use super::{criteria::Rule, range::Range, rules::MAX_RULES};

/// The most values at which an interval begins: each rule's first, and the one after its last.
const MAX_CUTS: usize = 2 * MAX_RULES;
/// Room for one interval more than there are cuts, rounded up for the binary search.
const PLACES: usize = 2 * MAX_CUTS;

/// A set of rules, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Set(pub(super) [u64; 2]);

const _: () = assert!(size_of::<Set>() * 8 == MAX_RULES);

impl Set {
    pub(super) const NONE: Self = Self([0; 2]);
    pub(super) const ALL: Self = Self([u64::MAX; 2]);

    pub(super) fn of(rules: &[Rule], contains: impl Fn(&Rule) -> bool) -> Self {
        let mut set = Self::NONE;
        for (word, rules) in set.0.iter_mut().zip(rules.chunks(u64::BITS as usize)) {
            for (bit, rule) in rules.iter().enumerate() {
                *word |= u64::from(contains(rule)) << bit;
            }
        }
        set
    }
}

/// One criterion: which rules its values fit.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Intervals([Interval; PLACES]);

const _: () = assert!(size_of::<Interval>().is_power_of_two());

/// Values that fit the same rules.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Interval {
    /// The greatest of them.
    last: u64,
    /// The rules that they fit.
    fitting: Set,
    /// Makes the size a power of two.
    _unused: u64,
}

impl Intervals {
    /// The table of rules that all accept any value.
    pub(super) const ANY: Self = Self([Interval::REST; PLACES]);

    /// Builds the table. Returns the number of intervals, less the last.
    pub(super) fn build(&mut self, rules: &[Rule], range: impl Fn(&Rule) -> Range) -> u64 {
        *self = Self::ANY;
        let Self(intervals) = self;
        let mut lasts = [u64::MAX; MAX_CUTS];
        for (pair, rule) in lasts.chunks_mut(2).zip(rules) {
            let (first, last) = range(rule).bounds();
            // Nothing ends before a range that begins with the lowest value.
            pair[0] = first.checked_sub(1).unwrap_or(u64::MAX);
            pair[1] = last;
        }
        lasts.sort_unstable();
        let mut cuts = 0;
        let mut before = None;
        for last in lasts.into_iter().filter(|last| *last < Range::ANY.bounds().1) {
            if before != Some(last) {
                intervals[cuts].last = last;
                cuts += 1;
                before = Some(last);
            }
        }
        for Interval { last, fitting, .. } in &mut intervals[..=cuts] {
            *fitting = Set::of(rules, |rule| range(rule).contains(*last));
        }
        cuts as u64
    }

    /// Removes the rules from `fitting` that the value does not fit. Without `all`, only the first
    /// word of the set is narrowed.
    #[inline(always)]
    pub(super) fn narrow(&self, cuts: u64, fitting: &mut Set, all: bool, value: u64) {
        if cuts == 0 {
            return;
        }
        let mut interval = self.0.as_ptr();
        // A binary search. The compiler knows each step, and the verifier knows the number of cuts,
        // so it removes the steps that are not needed. A step takes five instructions: it neither
        // branches on the value nor turns an index into an address. If the value lies behind the
        // step, `last - value` is negative. Its sign bit is shifted to where it stands for as many
        // bytes as the step skips. The shift is a logical one, because newer verifiers follow both
        // results of an arithmetic shift by 63.
        macro_rules! halve {
            ($($step:literal)+) => {
                const { assert!(1 $(+ $step)+ == PLACES) };
                $(if cuts >= $step {
                    // SAFETY: `interval` has moved by less than PLACES less `step`, as the sum of
                    // all steps is one less than PLACES.
                    unsafe {
                        let last = (*interval.add($step - 1)).last;
                        let bytes = $step * size_of::<Interval>();
                        let behind = last.wrapping_sub(value) >> (63 - bytes.ilog2());
                        interval = interval.byte_add(behind as usize & bytes);
                    }
                })+
            };
        }
        halve!(256 128 64 32 16 8 4 2 1);
        // SAFETY: as above.
        let Set([first, second]) = unsafe { &(*interval).fitting };
        fitting.0[0] &= first;
        if all {
            fitting.0[1] &= second;
        }
    }
}

impl Interval {
    /// The values above all that rules name.
    const REST: Self = Self { last: Range::ANY.bounds().1, fitting: Set::ALL, _unused: 0 };
}
