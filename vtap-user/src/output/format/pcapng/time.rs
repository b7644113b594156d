//! Times in 64 bits of nanoseconds, which an interface may shift by whole seconds.

use crate::timestamp::Timestamp;

/// Of the times, as a power of ten: nanoseconds.
pub const RESOLUTION: u8 = 9;

/// Seconds between two shifts. That many, and some more, are within 64 bits of nanoseconds.
const SPAN: i64 = 1 << 34;

/// A time as a file holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// Seconds to be added: `if_tsoffset`. Zero from 1970 to 2554.
    pub offset: i64,
    /// Nanoseconds since then.
    pub nanos: u64,
}

/// Splits a time into a shift, which others near it share, and the rest.
pub fn split(time: Timestamp) -> Time {
    if let Some(nanos) = time.to_unix_nanos() {
        return Time { offset: 0, nanos };
    }
    let rest = Timestamp { seconds: time.seconds.rem_euclid(SPAN), ..time };
    let nanos = rest.to_unix_nanos().unwrap_or_default();
    Time { offset: time.seconds - rest.seconds, nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_kept() {
        const SECOND: u64 = 1_000_000_000;
        let last = u64::MAX / SECOND;
        for (seconds, nanos, offset, kept) in [
            (0, 0, 0, 0),
            (1_700_000_000, 5, 0, 1_700_000_000 * SECOND + 5),
            (last.cast_signed(), 709_551_615, 0, u64::MAX),
            (last.cast_signed(), 709_551_616, SPAN, (last - SPAN as u64) * SECOND + 709_551_616),
            (-1, 999_999_999, -SPAN, (SPAN as u64 - 1) * SECOND + 999_999_999),
            (-SPAN, 0, -SPAN, 0),
            (i64::MIN, 1, i64::MIN, 1),
        ] {
            let time = Timestamp { seconds, nanos };
            assert_eq!(split(time), Time { offset, nanos: kept }, "{time:?}");
            let Time { offset, nanos } = split(time);
            let rest = Timestamp::from_unix_nanos(nanos);
            assert_eq!(Timestamp { seconds: rest.seconds + offset, ..rest }, time);
        }
        let end = Timestamp { seconds: i64::MAX, nanos: 999_999_999 };
        assert!(split(end).offset > 0 && split(end).nanos < SPAN as u64 * SECOND);
    }
}
