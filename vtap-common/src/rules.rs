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
        src.narrow(&mut fitting, &inner.src);
        dst.narrow(&mut fitting, &inner.dst);
        src_port.narrow(&mut fitting, inner.src_port);
        dst_port.narrow(&mut fitting, inner.dst_port);
        vnis.narrow(&mut fitting, vni);
        protocol.narrow(&mut fitting, u64::from(inner.protocol.0));
        icmp_type.narrow(&mut fitting, inner.icmp_type);
        icmp_code.narrow(&mut fitting, inner.icmp_code);
        let words = self.len.div_ceil(u64::from(u64::BITS));
        for (word, (fitting, include)) in (0..).zip(fitting.0.iter().zip(include.0)) {
            if word < words && *fitting != 0 {
                let first = fitting & fitting.wrapping_neg();
                let rule = word * u64::from(u64::BITS) + place_of(first);
                return Decision { capture: include & first != 0, rule };
            }
        }
        Decision { capture: false, rule: NO_RULE }
    }
}

/// A set of rules, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
struct Set([u64; MAX_RULES / u64::BITS as usize]);

impl Set {
    const NONE: Self = Self([0; MAX_RULES / u64::BITS as usize]);
    const ALL: Self = Self([u64::MAX; MAX_RULES / u64::BITS as usize]);

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
    /// How many of `before` are in use; the intervals are one more.
    cuts: u64,
    /// The last value of every interval but the last, ascending.
    before: [u32; PLACES],
    /// The rules that an interval's values fit.
    fitting: [Set; PLACES],
}

impl Intervals {
    /// Of rules that all take any value.
    const ANY: Self =
        Self { cuts: 0, before: [u32::MAX; PLACES], fitting: [Set::ALL; PLACES] };

    fn set(&mut self, rules: &[Rule], range: impl Fn(&Rule) -> Range) {
        *self = Self::ANY;
        let mut before = [u32::MAX; MAX_CUTS];
        for (pair, rule) in before.chunks_mut(2).zip(rules) {
            let (first, last) = range(rule).bounds();
            // Where a range begins with the first value, nothing is before it.
            pair[0] = first.checked_sub(1).unwrap_or(u32::MAX);
            pair[1] = last;
        }
        before.sort_unstable();
        // After the last value there is no interval.
        for value in before.into_iter().take_while(|value| *value != u32::MAX) {
            if self.cuts == 0 || self.before[self.cuts as usize - 1] != value {
                self.before[self.cuts as usize] = value;
                self.cuts += 1;
            }
        }
        for (last, fitting) in self.before.iter().zip(&mut self.fitting) {
            *fitting = Set::of(rules, |rule| range(rule).contains(u64::from(*last)));
        }
    }

    /// Takes the rules out of `fitting` that the value does not fit.
    #[inline(always)]
    fn narrow(&self, fitting: &mut Set, value: u64) {
        if self.cuts == 0 {
            return;
        }
        let mut place = 0;
        macro_rules! halve {
            ($($step:literal)+) => {
                const { assert!(0 $(+ $step)+ == PLACES - 1) };
                $(if self.cuts >= $step {
                    let before = u64::from(self.before[place | ($step - 1)]);
                    // All ones where the value lies behind; a branch would cost more.
                    let behind = (before.wrapping_sub(value).cast_signed() >> 63) as usize;
                    place |= behind & $step;
                })+
            };
        }
        halve!(256 128 64 32 16 8 4 2 1);
        let Set(words) = &self.fitting[place];
        for (fitting, word) in fitting.0.iter_mut().zip(words) {
            *fitting &= word;
        }
    }
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
    fn narrow(&self, fitting: &mut Set, address: &Address) {
        self.family.narrow(fitting, address.family.0);
        for (intervals, word) in self.words.iter().zip(address.words()) {
            intervals.narrow(fitting, u64::from(word));
        }
    }
}
