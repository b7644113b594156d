//! Lookup tables: from the value of a criterion to the set of rules that accept it.

use super::{criteria::Rule, range::Range, rules::MAX_RULES};

/// The most boundaries between intervals. Each rule adds two: one before its first value and one
/// after its last value.
const MAX_CUTS: usize = 2 * MAX_RULES;
/// Length of a table. It needs `MAX_CUTS + 1` intervals, and the binary search needs a power of
/// two.
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

/// The lookup table of one criterion.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Intervals([Interval; PLACES]);

const _: () = assert!(size_of::<Interval>().is_power_of_two());

/// A range of values that are accepted by the same rules.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Interval {
    /// The last value of the interval. The interval begins after the `last` of the previous one.
    last: u64,
    /// The rules that accept these values.
    fitting: Set,
    /// Makes the size a power of two.
    _unused: u64,
}

impl Intervals {
    /// The table of rules that all accept any value.
    pub(super) const ANY: Self = Self([Interval::REST; PLACES]);

    /// Builds the table. Returns the number of boundaries, which is one less than the number of
    /// intervals.
    pub(super) fn build(&mut self, rules: &[Rule], range: impl Fn(&Rule) -> Range) -> u32 {
        *self = Self::ANY;
        let Self(intervals) = self;
        let mut lasts = [u64::MAX; MAX_CUTS];
        for (pair, rule) in lasts.chunks_mut(2).zip(rules) {
            let (first, last) = range(rule).bounds();
            // If the range begins at zero, there is no value before it and so no boundary. The
            // `u64::MAX` that stands for that is filtered out below, as are the unused places.
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
        cuts as u32
    }

    /// Removes from `fitting` the rules that do not accept `value`. If `all` is false, there are
    /// few enough rules that only the first word of the set matters, and the second is left alone.
    #[inline(always)]
    pub(super) fn narrow(&self, cuts: u32, fitting: &mut Set, all: bool, value: u64) {
        if cuts == 0 {
            return;
        }
        let mut interval = self.0.as_ptr();
        // An unrolled binary search. The verifier knows `cuts`, so it removes the steps that a
        // small table does not need. A step takes five instructions, because it neither branches on
        // the value nor multiplies an index. It computes the number of bytes to advance, which is
        // `bytes` or zero. If `value` is greater than `last`, then `last - value` is negative. The
        // shift moves the sign bit to the place of the one bit that is set in `bytes`. The shift is
        // logical, because newer verifiers follow both results of an arithmetic shift by 63.
        macro_rules! halve {
            ($($step:literal)+) => {
                const { assert!(1 $(+ $step)+ == PLACES) };
                $(if cuts >= $step {
                    // SAFETY: the steps are PLACES/2, PLACES/4, ..., 1. Before this step,
                    // `interval` has advanced by at most PLACES - 2 * $step places. So the places
                    // `$step - 1` and `$step` after it are in the table.
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
        // SAFETY: `interval` has advanced by at most the sum of all steps, which is PLACES - 1.
        let Set([first, second]) = unsafe { &(*interval).fitting };
        fitting.0[0] &= first;
        if all {
            fitting.0[1] &= second;
        }
    }
}

impl Interval {
    /// The last interval: all values above the last boundary. Also fills the unused part of a
    /// table.
    const REST: Self = Self { last: Range::ANY.bounds().1, fitting: Set::ALL, _unused: 0 };
}
