//! The rules, laid out so that their number hardly matters.
//!
//! To compare a packet with one rule after the other takes 5 ns a rule. So the comparisons are made
//! beforehand: the values that a criterion can have are cut into [`Intervals`] within which all
//! rules agree, and each interval has the [`Set`] of rules that its values fit. Of a packet, every
//! criterion that is in use is looked up once, and the first rule that is in all the sets decides.
//! (The scheme is Lakshman and Stiliadis's, SIGCOMM 1998.)

use crate::{
    address::{Address, Cidr},
    decide::{Decision, NO_RULE},
    inner::Inner,
    selection::Range,
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
    src: Prefixes,
    dst: Prefixes,
    src_port: Intervals,
    dst_port: Intervals,
    vni: Intervals,
    protocol: Intervals,
    icmp_type: Intervals,
    icmp_code: Intervals,
}

impl Rules {
    /// No rules.
    pub const NONE: Self = Self {
        len: 0,
        include: Set::NONE,
        src: Prefixes::ANY,
        dst: Prefixes::ANY,
        src_port: Intervals::ANY,
        dst_port: Intervals::ANY,
        vni: Intervals::ANY,
        protocol: Intervals::ANY,
        icmp_type: Intervals::ANY,
        icmp_code: Intervals::ANY,
    };

    /// Sets the rules, or returns false where there are more than [`MAX_RULES`].
    #[must_use]
    pub fn set(&mut self, rules: &[Rule]) -> bool {
        if rules.len() > MAX_RULES {
            return false;
        }
        // Destructured, so that a new criterion cannot be forgotten here.
        let Self {
            len,
            include,
            src,
            dst,
            src_port,
            dst_port,
            vni,
            protocol,
            icmp_type,
            icmp_code,
        } = self;
        *len = rules.len() as u64;
        *include = Set::of(rules, |rule| rule.include);
        src.set(rules, |rule| &rule.src);
        dst.set(rules, |rule| &rule.dst);
        src_port.set(rules, |rule| rule.src_port);
        dst_port.set(rules, |rule| rule.dst_port);
        vni.set(rules, |rule| rule.vni);
        protocol.set(rules, |rule| rule.protocol);
        icmp_type.set(rules, |rule| rule.icmp_type);
        icmp_code.set(rules, |rule| rule.icmp_code);
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
    pub(crate) fn decide(&self, vni: u64, inner: &Inner) -> Decision {
        let Self {
            len: _,
            include,
            src,
            dst,
            src_port,
            dst_port,
            vni: vnis,
            protocol,
            icmp_type,
            icmp_code,
        } = self;
        let mut fitting = Set::ALL;
        let all = self.len > u64::from(u64::BITS);
        src.narrow(&mut fitting, all, &inner.src);
        dst.narrow(&mut fitting, all, &inner.dst);
        src_port.narrow(&mut fitting, all, inner.src_port);
        dst_port.narrow(&mut fitting, all, inner.dst_port);
        vnis.narrow(&mut fitting, all, vni);
        protocol.narrow(&mut fitting, all, u64::from(inner.protocol.0));
        icmp_type.narrow(&mut fitting, all, inner.icmp_type);
        icmp_code.narrow(&mut fitting, all, inner.icmp_code);
        // Of the second word only if there are so many rules.
        let (fitting, include, base) = if all && fitting.0[0] == 0 {
            (fitting.0[1], include.0[1], u64::from(u64::BITS))
        } else {
            (fitting.0[0], include.0[0], 0)
        };
        if fitting == 0 {
            return Decision { capture: false, rule: NO_RULE };
        }
        let first = fitting & fitting.wrapping_neg();
        Decision { capture: include & first != 0, rule: base + place_of(first) }
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
    const fn is_in(bit: u64, half: u64) -> u64 {
        let bit = bit & half;
        (bit | bit.wrapping_neg()) >> 63
    }
    is_in(bit, 0xaaaa_aaaa_aaaa_aaaa)
        | is_in(bit, 0xcccc_cccc_cccc_cccc) << 1
        | is_in(bit, 0xf0f0_f0f0_f0f0_f0f0) << 2
        | is_in(bit, 0xff00_ff00_ff00_ff00) << 3
        | is_in(bit, 0xffff_0000_ffff_0000) << 4
        | is_in(bit, 0xffff_ffff_0000_0000) << 5
}

/// One criterion: which rules its values fit.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Intervals {
    /// Intervals besides the last.
    cuts: u64,
    /// The intervals, ascending.
    intervals: [Interval; PLACES],
}

/// Values that fit the same rules.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Interval {
    /// The greatest of them.
    last: u64,
    /// The rules that they fit.
    fitting: Set,
}

impl Intervals {
    /// Of rules that all take any value.
    const ANY: Self = Self { cuts: 0, intervals: [Interval::REST; PLACES] };

    fn set(&mut self, rules: &[Rule], range: impl Fn(&Rule) -> Range) {
        *self = Self::ANY;
        let mut lasts = [u64::MAX; MAX_CUTS];
        for (pair, rule) in lasts.chunks_mut(2).zip(rules) {
            let (first, last) = range(rule).bounds();
            // Where a range begins with the first value, nothing ends before it.
            pair[0] = first.checked_sub(1).unwrap_or(u64::MAX);
            pair[1] = last;
        }
        lasts.sort_unstable();
        let mut before = None;
        for last in lasts.into_iter().filter(|last| *last < Range::ANY.bounds().1) {
            if before != Some(last) {
                self.intervals[self.cuts as usize].last = last;
                self.cuts += 1;
                before = Some(last);
            }
        }
        for Interval { last, fitting } in &mut self.intervals[..=self.cuts as usize] {
            *fitting = Set::of(rules, |rule| range(rule).contains(*last));
        }
    }

    /// Takes the rules out of `fitting` that the value does not fit; all of them, or only those of
    /// the first word.
    #[inline(always)]
    fn narrow(&self, fitting: &mut Set, all: bool, value: u64) {
        if self.cuts == 0 {
            return;
        }
        let mut interval = self.intervals.as_ptr();
        // Half of what is left, and so on, with steps that the compiler knows and the number of
        // cuts, which the verifier knows. There is no branch on the value, nor an index to turn
        // into an address: that makes five instructions of each step.
        macro_rules! halve {
            ($($step:literal)+) => {
                const { assert!(1 $(+ $step)+ == PLACES) };
                $(if self.cuts >= $step {
                    // SAFETY: `interval` has moved by less than PLACES less `step`, as the sum of
                    // all steps is one less than PLACES.
                    unsafe {
                        let last = (*interval.add($step - 1)).last;
                        let behind = last.wrapping_sub(value).cast_signed() >> 63;
                        interval = interval.byte_add(behind as usize & ($step * size_of::<Interval>()));
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
    const REST: Self = Self { last: Range::ANY.bounds().1, fitting: Set::ALL };
}

/// A prefix is an interval of each of its words, and a family.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Prefixes {
    family: Intervals,
    words: [Intervals; Address::WORDS],
}

impl Prefixes {
    const ANY: Self = Self { family: Intervals::ANY, words: [Intervals::ANY; Address::WORDS] };

    fn set(&mut self, rules: &[Rule], cidr: impl Fn(&Rule) -> &Cidr) {
        self.family.set(rules, |rule| cidr(rule).family());
        for (index, word) in self.words.iter_mut().enumerate() {
            word.set(rules, |rule| cidr(rule).words()[index]);
        }
    }

    #[inline(always)]
    fn narrow(&self, fitting: &mut Set, all: bool, address: &Address) {
        self.family.narrow(fitting, all, address.family.0);
        // Not a loop, for which the words would be put into memory.
        let ([a, b, c, d], values) = (&self.words, address.words());
        a.narrow(fitting, all, values[0]);
        b.narrow(fitting, all, values[1]);
        c.narrow(fitting, all, values[2]);
        d.narrow(fitting, all, values[3]);
    }
}
