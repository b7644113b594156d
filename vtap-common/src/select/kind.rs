//! The kinds of criteria: the type of the value that the user gives, the type of the value that a
//! packet has, and how the two are compared.

use core::fmt::Debug;

use super::{
    cidr::{self, Cidr},
    criteria::Rule,
    intervals::{Intervals, Set},
    range::Range,
};
use crate::wire::Address;

/// A value that the user gave for a criterion, of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A range of numbers.
    Number(Range),
    /// A prefix. (A single address is a prefix of full length.)
    Prefix(Cidr),
    /// Two ranges, one for each number of the packet.
    Pair([Range; 2]),
}

/// A kind of criterion.
pub trait Kind {
    /// The value that the user gives.
    type Wanted: Copy + Debug + PartialEq + Eq;
    /// The value that a packet has.
    type Key;

    /// A value that every packet fits.
    const ANY: Self::Wanted;

    /// `wanted`, if it is of this kind.
    fn from_wanted(wanted: Wanted) -> Option<Self::Wanted>;

    /// Zero if the packet fits. The [module](super) says why this is not a `bool`.
    fn mismatch(wanted: &Self::Wanted, key: &Self::Key) -> u64;
}

/// A kind of criterion that can be used in rules, and how the matching rules are looked up.
pub(super) trait Lookup: Kind {
    /// The lookup tables, one for each number that a key consists of.
    type Tables: Copy + Debug;
    /// The number of boundaries in each of these tables. These are `u32`, so that those of all
    /// criteria fit a cache line. (With `u64`, a packet takes 4 ns more if there are rules.)
    type Cuts: Copy + Debug;

    /// The tables if there are no rules.
    const NO_TABLES: Self::Tables;
    /// The numbers of boundaries if there are no rules.
    const NO_CUTS: Self::Cuts;

    /// Builds the tables from the value that each rule has for this criterion.
    fn build(
        tables: &mut Self::Tables,
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> Self::Wanted,
    ) -> Self::Cuts;

    /// Removes from `fitting` the rules that do not match the packet; see [`Intervals::narrow`].
    fn narrow(
        tables: &Self::Tables,
        cuts: &Self::Cuts,
        fitting: &mut Set,
        all: bool,
        key: &Self::Key,
    );
}

/// The criterion is a range, and the packet has a number.
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
    type Cuts = u32;

    const NO_TABLES: Intervals = Intervals::ANY;
    const NO_CUTS: u32 = 0;

    fn build(tables: &mut Intervals, rules: &[Rule], wanted: impl Fn(&Rule) -> Range) -> u32 {
        tables.build(rules, wanted)
    }

    #[inline(always)]
    fn narrow(tables: &Intervals, cuts: &u32, fitting: &mut Set, all: bool, key: &u64) {
        tables.narrow(*cuts, fitting, all, *key);
    }
}

/// The criterion is a prefix, and the packet has an address.
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
    type Cuts = [u32; cidr::WORDS];

    #[expect(clippy::large_stack_arrays, reason = "only used to initialize statics and boxes")]
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

/// The criterion is two ranges, and the packet has two numbers.
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
    type Cuts = [u32; 2];

    #[expect(clippy::large_stack_arrays, reason = "only used to initialize statics and boxes")]
    const NO_TABLES: [Intervals; 2] = [Intervals::ANY; 2];
    const NO_CUTS: [u32; 2] = [0; 2];

    fn build(
        tables: &mut [Intervals; 2],
        rules: &[Rule],
        wanted: impl Fn(&Rule) -> [Range; 2],
    ) -> [u32; 2] {
        let [first, second] = tables;
        [first.build(rules, |rule| wanted(rule)[0]), second.build(rules, |rule| wanted(rule)[1])]
    }

    #[inline(always)]
    fn narrow(
        tables: &[Intervals; 2],
        cuts: &[u32; 2],
        fitting: &mut Set,
        all: bool,
        key: &[u64; 2],
    ) {
        tables[0].narrow(cuts[0], fitting, all, key[0]);
        tables[1].narrow(cuts[1], fitting, all, key[1]);
    }
}
