//! Ranges of numbers, and lists of values of which a packet must fit one.

/// Up to `N` alternatives: values of which a packet must fit at least one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct List<T, const N: usize> {
    len: u64,
    items: [T; N],
}

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list. `filler` is stored in the unused places and is never returned.
    #[must_use]
    pub const fn empty(filler: T) -> Self {
        Self { len: 0, items: [filler; N] }
    }

    /// Adds an alternative, or returns it if the list is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let Some(place) = self.items.get_mut(self.len as usize) else {
            return Err(item);
        };
        *place = item;
        self.len += 1;
        Ok(())
    }

    /// The number of alternatives.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the list is empty.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The alternative at `index`.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index as u64 >= self.len { None } else { self.items.get(index) }
    }

    /// The first alternative whose mismatch is zero.
    #[inline(always)]
    pub(crate) fn find(&self, mismatch: impl Fn(&T) -> u64) -> Option<&T> {
        for index in 0..N {
            let item = self.get(index)?;
            if mismatch(item) == 0 {
                return Some(item);
            }
        }
        None
    }

    /// Whether an alternative fits, or the list is empty. An empty list means no constraint.
    #[inline(always)]
    pub(crate) fn allows(&self, mismatch: impl Fn(&T) -> u64) -> bool {
        self.is_empty() || self.find(mismatch).is_some()
    }
}

/// The values from `first` to `last`, including both. All values must be less than 2^63, because
/// `mismatch` uses the sign bit of differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// Contains every value, even [`ABSENT`](crate::wire::ABSENT).
    pub const ANY: Self = Self { first: 0, last: u64::MAX >> 1 };

    /// The values from `first` to `last`. `None` if `first` is greater than `last`.
    #[must_use]
    pub const fn new(first: u32, last: u32) -> Option<Self> {
        if first <= last { Some(Self::between(first as u64, last as u64)) } else { None }
    }

    pub(crate) const fn between(first: u64, last: u64) -> Self {
        Self { first, last }
    }

    /// One value.
    #[must_use]
    pub const fn just(value: u32) -> Self {
        Self::between(value as u64, value as u64)
    }

    /// Zero if the range contains `value`.
    #[inline(always)]
    pub(crate) const fn mismatch(&self, value: u64) -> u64 {
        // If the range does not contain the value, one of the differences is negative.
        (value.wrapping_sub(self.first) | self.last.wrapping_sub(value)) >> 63
    }

    /// The first and the last value.
    pub(crate) const fn bounds(&self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// Whether the range contains `value`.
    #[must_use]
    pub const fn contains(&self, value: u64) -> bool {
        self.mismatch(value) == 0
    }
}
