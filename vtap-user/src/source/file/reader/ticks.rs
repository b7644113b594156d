//! The times of packets, in the units that a file has them in.

use crate::timestamp::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const MICROS_PER_SECOND: u64 = 1_000_000;
const NANOS_PER_MICRO: u64 = 1000;

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A microsecond.
    Micro,
    /// A nanosecond.
    Nano,
    /// Of which there are so many in a second.
    PerSecond(u128),
}

impl Unit {
    /// The unit that pcapng's `if_tsresol` names: a negative power of two where the first bit is
    /// set, else of ten.
    pub const fn of_resolution(resolution: u8) -> Self {
        let (base, exponent): (u128, _) =
            (if resolution & 0x80 == 0 { 10 } else { 2 }, resolution & 0x7f);
        match resolution {
            6 => Self::Micro,
            9 => Self::Nano,
            // Beyond 10^38, all that 64 bits can count is a part of a nanosecond.
            _ => Self::PerSecond(base.saturating_pow(exponent as u32)),
        }
    }
}

/// How an interface counts time: from 1970, or from `offset` seconds later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    /// What is counted.
    pub unit: Unit,
    /// Seconds to add.
    pub offset: i64,
}

impl Ticks {
    /// The time when `count` units have passed. Beyond the last second (or before the first) that
    /// a [`Timestamp`] holds, the time is that one.
    #[inline]
    pub fn time(self, count: u64) -> Timestamp {
        let (seconds, nanos) = match self.unit {
            // Divisions by constants, which take no time.
            Unit::Micro => (count / MICROS_PER_SECOND, count % MICROS_PER_SECOND * NANOS_PER_MICRO),
            Unit::Nano => (count / NANOS_PER_SECOND, count % NANOS_PER_SECOND),
            Unit::PerSecond(units) => {
                let (seconds, rest) = (u128::from(count) / units, u128::from(count) % units);
                let nanos = rest * u128::from(NANOS_PER_SECOND) / units;
                (seconds as u64, nanos as u64)
            }
        };
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        Timestamp { seconds: seconds.saturating_add(self.offset), nanos: nanos as u32 }
    }
}

/// The time of a record of a pcap file, whose fraction may be longer than a second.
#[inline]
pub fn of_pcap(seconds: u32, fraction: u32, unit: Unit) -> Timestamp {
    let nanos = u64::from(fraction) * if unit == Unit::Micro { NANOS_PER_MICRO } else { 1 };
    let seconds = u64::from(seconds) + nanos / NANOS_PER_SECOND;
    Timestamp { seconds: seconds.cast_signed(), nanos: (nanos % NANOS_PER_SECOND) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_any_base() {
        for (resolution, count, seconds, nanos) in [
            (0, 17, 17, 0),
            (3, 17_250, 17, 250_000_000),
            (6, 17_000_001, 17, 1000),
            (9, 17_000_000_001, 17, 1),
            (12, 17_000_000_001_999, 17, 1),
            (19, u64::MAX, 1, 844_674_407),
            (20, u64::MAX, 0, 184_467_440),
            (39, u64::MAX, 0, 0),
            (0x7f, u64::MAX, 0, 0),
            (0x80, 17, 17, 0),
            (0x87, 17 * 128 + 32, 17, 250_000_000),
            (0xa0, (17 << 32) + (1 << 31), 17, 500_000_000),
            (0xbf, u64::MAX, 1, 999_999_999),
            (0xc0, u64::MAX, 0, 999_999_999),
            (0xc1, u64::MAX, 0, 499_999_999),
            (0xff, u64::MAX, 0, 0),
        ] {
            let ticks = Ticks { unit: Unit::of_resolution(resolution), offset: 0 };
            let time = Timestamp { seconds, nanos };
            assert_eq!(ticks.time(count), time, "{resolution:#x}");
        }
    }

    #[test]
    fn times_do_not_wrap() {
        let time = |unit, offset, count| {
            let Timestamp { seconds, nanos } = Ticks { unit, offset }.time(count);
            (seconds, nanos)
        };
        // Before 1970, and after 2554.
        assert_eq!(time(Unit::Micro, -100, 5), (-100, 5000));
        assert_eq!(time(Unit::Micro, -1, 500_000), (-1, 500_000_000));
        assert_eq!(time(Unit::Micro, 0, u64::MAX), (18_446_744_073_709, 551_615_000));
        assert_eq!(time(Unit::Nano, 1_i64 << 40, u64::MAX), (1_117_958_371_849, 709_551_615));
        // What no field holds.
        let second = Unit::PerSecond(1);
        assert_eq!(time(second, 0, i64::MAX.cast_unsigned()), (i64::MAX, 0));
        assert_eq!(time(second, 0, u64::MAX), (i64::MAX, 0));
        assert_eq!(time(second, i64::MAX, 1), (i64::MAX, 0));
        assert_eq!(time(second, i64::MIN, 0), (i64::MIN, 0));
    }

    #[test]
    fn fractions_longer_than_a_second() {
        let time = |seconds, nanos| Timestamp { seconds, nanos };
        assert_eq!(of_pcap(7, 1_500_000, Unit::Micro), time(8, 500_000_000));
        assert_eq!(of_pcap(u32::MAX, u32::MAX, Unit::Micro), time(4_294_971_589, 967_295_000));
        assert_eq!(of_pcap(7, 4_000_000_001, Unit::Nano), time(11, 1));
    }
}
