//! Words of which only some bits are known.

/// A set of 32-bit words: those that agree with `value` in all bits that are not `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// The known bits; 0 where a bit is unknown.
    value: u32,
    unknown: u32,
}

impl Bits {
    /// Any word.
    pub const UNKNOWN: Self = Self { value: 0, unknown: u32::MAX };

    /// Just this word.
    pub const fn known(value: u32) -> Self {
        Self { value, unknown: 0 }
    }

    /// Words like `value` but for bits in `unknown`.
    pub const fn new(value: u32, unknown: u32) -> Self {
        Self { value: value & !unknown, unknown }
    }

    /// The word, if it is only one.
    pub fn as_known(self) -> Option<u32> {
        (self.unknown == 0).then_some(self.value)
    }

    const fn greatest(self) -> u32 {
        self.value | self.unknown
    }

    /// Words of this set and of another.
    pub const fn either(self, other: Self) -> Self {
        let unknown = self.unknown | other.unknown | (self.value ^ other.value);
        Self::new(self.value, unknown)
    }

    /// Bitwise AND.
    pub const fn and(self, other: Self) -> Self {
        let may_be_set = self.greatest() & other.greatest();
        let set = self.value & other.value;
        Self::new(set, may_be_set & !set)
    }

    /// Bitwise OR.
    pub const fn or(self, other: Self) -> Self {
        let set = self.value | other.value;
        Self::new(set, (self.unknown | other.unknown) & !set)
    }

    /// Bitwise exclusive OR.
    pub const fn xor(self, other: Self) -> Self {
        Self::new(self.value ^ other.value, self.unknown | other.unknown)
    }

    /// Shifted left; by 32 or more, the kernel's answer depends on the processor.
    pub fn shift_left(self, by: Self) -> Self {
        self.shift(by, u32::checked_shl)
    }

    /// Shifted right.
    pub fn shift_right(self, by: Self) -> Self {
        self.shift(by, u32::checked_shr)
    }

    fn shift(self, by: Self, shift: fn(u32, u32) -> Option<u32>) -> Self {
        let shifted = by
            .as_known()
            .and_then(|by| Some(Self::new(shift(self.value, by)?, shift(self.unknown, by)?)));
        shifted.unwrap_or(Self::UNKNOWN)
    }

    /// Whether the words are equal, where that can be told.
    pub fn equals(self, other: Self) -> Option<bool> {
        let unknown = self.unknown | other.unknown;
        if (self.value ^ other.value) & !unknown != 0 {
            return Some(false);
        }
        (unknown == 0).then_some(true)
    }

    /// Whether this one is the less, where that can be told.
    pub fn less_than(self, other: Self) -> Option<bool> {
        if self.greatest() < other.value {
            Some(true)
        } else if self.value >= other.greatest() {
            Some(false)
        } else {
            None
        }
    }

    /// Whether some bit is set in both, where that can be told.
    pub fn shares_a_bit(self, other: Self) -> Option<bool> {
        if self.value & other.value != 0 {
            Some(true)
        } else if self.greatest() & other.greatest() == 0 {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All words of four bits that a set holds.
    fn members(bits: Bits) -> Vec<u32> {
        (0..16).filter(|word| word & !bits.unknown == bits.value).collect()
    }

    fn sets() -> impl Iterator<Item = Bits> {
        let all = (0..16).flat_map(|unknown| (0..16).map(move |value| (value, unknown)));
        all.filter(|(value, unknown)| value & unknown == 0).map(|(v, u)| Bits::new(v, u))
    }

    /// Every result holds what the words themselves give, and comparisons are decided exactly
    /// where all words agree.
    #[test]
    fn hold_what_their_words_give() {
        for (a, b) in sets().flat_map(|a| sets().map(move |b| (a, b))) {
            let pairs: Vec<_> = members(a)
                .into_iter()
                .flat_map(|a| members(b).into_iter().map(move |b| (a, b)))
                .collect();
            for (result, compute) in [
                (a.and(b), (|a, b| a & b) as fn(u32, u32) -> u32),
                (a.or(b), |a, b| a | b),
                (a.xor(b), |a, b| a ^ b),
                (a.either(b), |a, _| a),
                (a.either(b), |_, b| b),
                (a.shift_right(b), |a, b| a >> b),
            ] {
                let holds = |&(a, b): &(u32, u32)| {
                    let word = compute(a, b);
                    word & !result.unknown == result.value
                };
                assert!(pairs.iter().all(holds), "{a:?} {b:?} {result:?}");
            }
            for (answer, compare) in [
                (a.equals(b), (|a, b| a == b) as fn(u32, u32) -> bool),
                (a.less_than(b), |a, b| a < b),
            ] {
                let answers: Vec<_> = pairs.iter().map(|&(a, b)| compare(a, b)).collect();
                let agreed = answers.iter().all(|one| *one == answers[0]).then_some(answers[0]);
                assert_eq!(answer, agreed, "{a:?} {b:?}");
            }
            if let Some(answer) = a.shares_a_bit(b) {
                assert!(pairs.iter().all(|(a, b)| (a & b != 0) == answer), "{a:?} {b:?}");
            }
        }
        assert_eq!(Bits::known(3).shift_left(Bits::known(2)), Bits::known(12));
        assert_eq!(Bits::known(3).shift_left(Bits::known(32)), Bits::UNKNOWN);
    }
}
