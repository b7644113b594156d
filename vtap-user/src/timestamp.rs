//! The time of a packet.

/// A time in UTC, of any year that a capture file can name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00; negative before.
    pub seconds: i64,
    /// Nanoseconds since that second began, below 1,000,000,000.
    pub nanos: u32,
}

impl Timestamp {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;

    /// From nanoseconds since 1970.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self {
            seconds: (nanos / Self::NANOS_PER_SECOND).cast_signed(),
            nanos: (nanos % Self::NANOS_PER_SECOND) as u32,
        }
    }

    /// Nanoseconds since 1970, or `None` where 64 bits do not hold them: before 1970, after 2554.
    #[must_use]
    pub const fn to_unix_nanos(self) -> Option<u64> {
        if self.seconds < 0 {
            return None;
        }
        match self.seconds.cast_unsigned().checked_mul(Self::NANOS_PER_SECOND) {
            Some(nanos) => nanos.checked_add(self.nanos as u64),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_64_bits_hold() {
        for nanos in [0, 1, 999_999_999, 1_000_000_000, u64::MAX] {
            assert_eq!(Timestamp::from_unix_nanos(nanos).to_unix_nanos(), Some(nanos));
        }
        let last = Timestamp::from_unix_nanos(u64::MAX);
        assert_eq!(Timestamp { nanos: last.nanos + 1, ..last }.to_unix_nanos(), None);
        assert_eq!(Timestamp { seconds: -1, nanos: 999_999_999 }.to_unix_nanos(), None);
    }
}
