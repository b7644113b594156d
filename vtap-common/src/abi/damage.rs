//! Which header of an inner packet is damaged, as a number and not as an `Option`. The kernel side
//! launders the value (see `Frame::launder_for_verifier`), and only a number can be laundered.

use crate::wire::Damaged;

/// Which inner header is damaged, if any: zero, or one more than a [`Damaged`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Damage(pub(crate) u32);

impl Damage {
    /// No header is damaged.
    pub const NONE: Self = Self(0);

    /// The given header is damaged.
    #[inline(always)]
    #[must_use]
    pub const fn of(damaged: Damaged) -> Self {
        Self(damaged as u32 + 1)
    }

    /// Whether a header is damaged.
    #[inline(always)]
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The damaged header, or `None` if there is none.
    #[must_use]
    pub fn header(self) -> Option<Damaged> {
        Damaged::ALL.get((self.0 as usize).checked_sub(1)?).copied()
    }
}
