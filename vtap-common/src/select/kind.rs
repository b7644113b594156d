//! The kinds of criteria: what a value wants of a packet, and how the two are compared.

use core::fmt::Debug;

use super::{
    cidr::{self, Cidr},
    criteria::Rule,
    intervals::{Intervals, Set},
    range::Range,
};
use crate::wire::Address;

/// What a user wants, of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A number in a range.
    Number(Range),
    /// An address with a prefix.
    Prefix(Cidr),
    /// Two numbers, each in its range.
    Pair([Range; 2]),
}

/// A kind of criterion.
pub trait Kind {
    /// What a user wants.
    type Wanted: Copy + Debug + PartialEq + Eq;
    /// What a packet has.
    type Key;

    /// Fits every packet.
    const ANY: Self::Wanted;

    /// `wanted`, if it is of this kind.
    fn from_wanted(wanted: Wanted) -> Option<Self::Wanted>;

    /// Zero where the packet fits; the [module](super) says why this is not a `bool`.
    fn mismatch(wanted: &Self::Wanted, key: &Self::Key) -> u64;
}

/// How a kind of criterion is looked up in rules.
pub(super) trait Lookup: Kind {
    /// Which rules the packet's values fit.
    type Tables: Copy + Debug;
    /// The numbers of their intervals, each less the last. As wide as what follows, so that there is
    /// no padding.
    type Cuts: Copy + Debug;

    /// Without rules.
    const NO_TABLES: Self::Tables;
    /// Without rules.
    const NO_CUTS: Self::Cuts;

    /// Builds the tables from what each rule wants.
    fn build(
        tables: &mut Self::Tables,
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> Self::Wanted,
    ) -> Self::Cuts;

    /// Removes the rules that the packet does not fit from `fitting`; see [`Intervals::narrow`].
    fn narrow(
        tables: &Self::Tables,
        cuts: &Self::Cuts,
        fitting: &mut Set,
        all: bool,
        key: &Self::Key,
    );
}

/// A number in a range.
pub struct Number;

impl Kind for Number {
    type Wanted = Range;
    type Key = u64;

    const ANY: Range = Range::ANY;

    fn from_wanted(wanted: Wanted) -> Option<Range> {
        if let Wanted::Number(range) = wanted { Some(range) } else { None }
    }

    #[inline(always)]
    fn mismatch(wanted: &Range, key: &u64) -> u64 {
        wanted.mismatch(*key)
    }
}

impl Lookup for Number {
    type Tables = Intervals;
    type Cuts = u64;

    const NO_TABLES: Intervals = Intervals::ANY;
    const NO_CUTS: u64 = 0;

    fn build(tables: &mut Intervals, rules: &[Rule], wanted: impl Fn(&Rule) -> Range) -> u64 {
        tables.build(rules, wanted)
    }

    #[inline(always)]
    fn narrow(tables: &Intervals, cuts: &u64, fitting: &mut Set, all: bool, key: &u64) {
        tables.narrow(*cuts, fitting, all, *key);
    }
}

/// An address with a prefix.
pub struct Prefix;

impl Kind for Prefix {
    type Wanted = Cidr;
    type Key = Address;

    const ANY: Cidr = Cidr::ANY;

    fn from_wanted(wanted: Wanted) -> Option<Cidr> {
        if let Wanted::Prefix(cidr) = wanted { Some(cidr) } else { None }
    }

    #[inline(always)]
    fn mismatch(wanted: &Cidr, key: &Address) -> u64 {
        wanted.mismatch(key)
    }
}

impl Lookup for Prefix {
    type Tables = [Intervals; cidr::WORDS];
    type Cuts = [u64; cidr::WORDS];

    #[expect(clippy::large_stack_arrays, reason = "a constant, for memory that is made once")]
    const NO_TABLES: Self::Tables = [Intervals::ANY; cidr::WORDS];
    const NO_CUTS: Self::Cuts = [0; cidr::WORDS];

    fn build(
        tables: &mut Self::Tables,
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> Cidr,
    ) -> Self::Cuts {
        let mut word = 0;
        tables.each_mut().map(|table| {
            let cuts = table.build(rules, |rule| wanted(rule).words()[word]);
            word += 1;
            cuts
        })
    }

    #[inline(always)]
    fn narrow(
        tables: &Self::Tables,
        cuts: &Self::Cuts,
        fitting: &mut Set,
        all: bool,
        key: &Address,
    ) {
        let words = cidr::words(key);
        tables[0].narrow(cuts[0], fitting, all, words[0]);
        tables[1].narrow(cuts[1], fitting, all, words[1]);
        tables[2].narrow(cuts[2], fitting, all, words[2]);
        tables[3].narrow(cuts[3], fitting, all, words[3]);
    }
}

/// Two numbers, each in its range.
pub struct Pair;

impl Kind for Pair {
    type Wanted = [Range; 2];
    type Key = [u64; 2];

    const ANY: [Range; 2] = [Range::ANY; 2];

    fn from_wanted(wanted: Wanted) -> Option<[Range; 2]> {
        if let Wanted::Pair(ranges) = wanted { Some(ranges) } else { None }
    }

    #[inline(always)]
    fn mismatch(wanted: &[Range; 2], key: &[u64; 2]) -> u64 {
        wanted[0].mismatch(key[0]) | wanted[1].mismatch(key[1])
    }
}

impl Lookup for Pair {
    type Tables = [Intervals; 2];
    type Cuts = [u64; 2];

    #[expect(clippy::large_stack_arrays, reason = "a constant, for memory that is made once")]
    const NO_TABLES: [Intervals; 2] = [Intervals::ANY; 2];
    const NO_CUTS: [u64; 2] = [0; 2];

    fn build(
        tables: &mut [Intervals; 2],
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> [Range; 2],
    ) -> [u64; 2] {
        let [first, second] = tables;
        [first.build(rules, |rule| wanted(rule)[0]), second.build(rules, |rule| wanted(rule)[1])]
    }

    #[inline(always)]
    fn narrow(
        tables: &[Intervals; 2],
        cuts: &[u64; 2],
        fitting: &mut Set,
        all: bool,
        key: &[u64; 2],
    ) {
        tables[0].narrow(cuts[0], fitting, all, key[0]);
        tables[1].narrow(cuts[1], fitting, all, key[1]);
    }
}
