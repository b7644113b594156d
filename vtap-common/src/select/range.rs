//! Ranges of numbers, and lists of alternatives.

/// Up to `N` alternatives.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct List<T, const N: usize> {
    len: u64,
    items: [T; N],
}

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list; `filler` takes the unused places.
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

    /// How many there are.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The alternative at a place.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index as u64 >= self.len { None } else { self.items.get(index) }
    }

    /// The first that fits.
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

    /// Whether any fits, or there is none to fit.
    #[inline(always)]
    pub(crate) fn allows(&self, mismatch: impl Fn(&T) -> u64) -> bool {
        self.is_empty() || self.find(mismatch).is_some()
    }
}

/// `first` to `last`, both included. All values are far below 2^63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    first: u64,
    last: u64,
}

impl Range {
    /// Contains every value, even [`ABSENT`](crate::wire::ABSENT).
    pub const ANY: Self = Self { first: 0, last: u64::MAX >> 1 };

    /// `first` to `last`, or `None` where that is empty.
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

    /// Zero where `value` lies within.
    #[inline(always)]
    pub(crate) const fn mismatch(&self, value: u64) -> u64 {
        // One of the differences is negative if the value lies outside.
        (value.wrapping_sub(self.first) | self.last.wrapping_sub(value)) >> 63
    }

    /// The first and the last value.
    pub(crate) const fn bounds(&self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// Whether `value` lies within.
    #[must_use]
    pub const fn contains(&self, value: u64) -> bool {
        self.mismatch(value) == 0
    }
}
