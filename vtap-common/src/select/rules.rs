//! The rules, laid out so that their number hardly matters.
//!
//! To compare a packet with one rule after the other takes 5 ns a rule. So the comparisons are made
//! beforehand: the values that a criterion can have are cut into [`Intervals`] within which all
//! rules agree, and each interval has the [`Set`] of rules that its values fit. Of a packet, every
//! criterion that is in use is looked up once, and the first rule that is in all the sets decides.
//! (The scheme is Lakshman and Stiliadis's, SIGCOMM 1998.)

use super::{
    cidr::{self, Cidr},
    decide::{Choice, PacketKeys, is_nonzero},
    range::Range,
};

/// Rules at most.
pub const MAX_RULES: usize = 128;
/// Values at which an interval begins at most: each rule's first, and the one after its last.
const MAX_CUTS: usize = 2 * MAX_RULES;
/// Room for an interval more than there are cuts, rounded up for the search by halves.
const PLACES: usize = 2 * MAX_CUTS;

/// One `--rule`: everything must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Inner source prefix.
    pub src: Cidr,
    /// Inner destination prefix.
    pub dst: Cidr,
    /// Inner source port.
    pub src_port: Range,
    /// Inner destination port.
    pub dst_port: Range,
    /// Network identifier.
    pub vni: Range,
    /// Inner [`Protocol`](crate::wire::Protocol).
    pub protocol: Range,
    /// ICMP or ICMPv6 type.
    pub icmp_type: Range,
    /// ICMP or ICMPv6 code.
    pub icmp_code: Range,
    /// Whether a packet that the rule decides is captured.
    pub include: bool,
}

impl Rule {
    /// A rule without criteria: it decides every packet.
    #[must_use]
    pub const fn any(include: bool) -> Self {
        Self {
            src: Cidr::ANY,
            dst: Cidr::ANY,
            src_port: Range::ANY,
            dst_port: Range::ANY,
            vni: Range::ANY,
            protocol: Range::ANY,
            icmp_type: Range::ANY,
            icmp_code: Range::ANY,
            include,
        }
    }
}

/// The rules in their order; the first that matches decides.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Rules {
    len: u64,
    include: Set,
    /// Of each criterion, its intervals besides the last. They are kept apart from what they
    /// count, so that it costs little to find that a criterion is not in use.
    cuts: [u16; CRITERIA.next_multiple_of(4)],
    criteria: [Intervals; CRITERIA],
}

/// Words of two addresses, two ports, identifier, protocol, ICMP type and code.
const CRITERIA: usize = 2 * cidr::WORDS + 6;

/// What a packet has of each criterion.
#[inline(always)]
fn values(keys: &PacketKeys) -> [u64; CRITERIA] {
    let PacketKeys { outer_src: _, outer_dst: _, vni, protocol, src, dst, .. } = keys;
    let PacketKeys { src_port, dst_port, icmp_type, icmp_code, .. } = keys;
    let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (cidr::words(src), cidr::words(dst));
    let protocol = u64::from(protocol.0);
    [s0, s1, s2, s3, d0, d1, d2, d3, *src_port, *dst_port, *vni, protocol, *icmp_type, *icmp_code]
}

/// What a rule wants of each, in the same order.
fn ranges(rule: &Rule) -> [Range; CRITERIA] {
    let Rule { src, dst, src_port, dst_port, vni, protocol, icmp_type, icmp_code, include: _ } =
        *rule;
    let ([s0, s1, s2, s3], [d0, d1, d2, d3]) = (src.words(), dst.words());
    [s0, s1, s2, s3, d0, d1, d2, d3, src_port, dst_port, vni, protocol, icmp_type, icmp_code]
}

impl Rules {
    /// No rules.
    #[expect(clippy::large_stack_arrays, reason = "a constant, for memory that is made once")]
    pub const NONE: Self = Self {
        len: 0,
        include: Set::NONE,
        cuts: [0; CRITERIA.next_multiple_of(4)],
        criteria: [Intervals::ANY; CRITERIA],
    };

    /// Sets the rules, or returns false where there are more than [`MAX_RULES`].
    #[must_use]
    pub fn set(&mut self, rules: &[Rule]) -> bool {
        if rules.len() > MAX_RULES {
            return false;
        }
        self.len = rules.len() as u64;
        self.include = Set::of(rules, |rule| rule.include);
        for (criterion, (intervals, cuts)) in
            self.criteria.iter_mut().zip(&mut self.cuts).enumerate()
        {
            *cuts = intervals.set(rules, |rule| ranges(rule)[criterion]);
        }
        true
    }

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the first rule that matches says. If none does, the packet is not captured.
    #[inline(always)]
    pub(crate) fn decide(&self, keys: &PacketKeys) -> Choice {
        let values = values(keys);
        let mut fitting = Set::ALL;
        let all = self.len > u64::from(u64::BITS);
        // Not a loop, for which the values would be put into memory.
        macro_rules! narrow {
            ($($index:literal)+) => {
                const { assert!([$($index),+].len() == CRITERIA) };
                $(self.criteria[$index].narrow(
                    self.cuts[$index],
                    &mut fitting,
                    all,
                    values[$index],
                );)+
            };
        }
        narrow!(0 1 2 3 4 5 6 7 8 9 10 11 12 13);
        // Of the second word only if there are so many rules.
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

/// A set of rules, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
struct Set([u64; 2]);

const _: () = assert!(size_of::<Set>() * 8 == MAX_RULES);

impl Set {
    const NONE: Self = Self([0; 2]);
    const ALL: Self = Self([u64::MAX; 2]);

    fn of(rules: &[Rule], contains: impl Fn(&Rule) -> bool) -> Self {
        let mut set = Self::NONE;
        for (word, rules) in set.0.iter_mut().zip(rules.chunks(u64::BITS as usize)) {
            for (bit, rule) in rules.iter().enumerate() {
                *word |= u64::from(contains(rule)) << bit;
            }
        }
        set
    }
}

/// The place of the only bit that is set; BPF has no instruction for that.
#[inline(always)]
const fn place_of(bit: u64) -> u64 {
    is_nonzero(bit & 0xaaaa_aaaa_aaaa_aaaa)
        | is_nonzero(bit & 0xcccc_cccc_cccc_cccc) << 1
        | is_nonzero(bit & 0xf0f0_f0f0_f0f0_f0f0) << 2
        | is_nonzero(bit & 0xff00_ff00_ff00_ff00) << 3
        | is_nonzero(bit & 0xffff_0000_ffff_0000) << 4
        | is_nonzero(bit & 0xffff_ffff_0000_0000) << 5
}

/// One criterion: which rules its values fit.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
struct Intervals([Interval; PLACES]);

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
    /// Of rules that all take any value.
    const ANY: Self = Self([Interval::REST; PLACES]);

    /// Returns how many intervals there are besides the last.
    fn set(&mut self, rules: &[Rule], range: impl Fn(&Rule) -> Range) -> u16 {
        *self = Self::ANY;
        let Self(intervals) = self;
        let mut lasts = [u64::MAX; MAX_CUTS];
        for (pair, rule) in lasts.chunks_mut(2).zip(rules) {
            let (first, last) = range(rule).bounds();
            // Where a range begins with the first value, nothing ends before it.
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
        cuts as u16
    }

    /// Takes the rules out of `fitting` that the value does not fit; all of them, or only those of
    /// the first word.
    #[inline(always)]
    fn narrow(&self, cuts: u16, fitting: &mut Set, all: bool, value: u64) {
        if cuts == 0 {
            return;
        }
        let mut interval = self.0.as_ptr();
        // Half of what is left, and so on, with steps that the compiler knows and the number of
        // cuts, which the verifier knows. There is no branch on the value, nor an index to turn
        // into an address: that makes five instructions of each step. What lies behind has a sign,
        // which is moved to where it is as many bytes as the step: by a logical shift, because
        // newer verifiers follow both ways of an arithmetic one by 63.
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
    /// The values that no rule cares for.
    const REST: Self = Self { last: Range::ANY.bounds().1, fitting: Set::ALL, _unused: 0 };
}
