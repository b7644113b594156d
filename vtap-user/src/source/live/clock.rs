//! From the kernel's monotonic timestamps to the time of day.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::timestamp::Timestamp;

/// How long an anchor is good for. The clocks drift apart by some parts per million, and the time
/// of day may be stepped.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// Converts the kernel's `CLOCK_MONOTONIC` to UTC.
pub struct Clock {
    /// What to add to a monotonic time.
    offset: i64,
    /// What this process's `CLOCK_MONOTONIC` is ahead of the kernel's.
    ahead: i64,
    anchored: Instant,
}

impl Clock {
    /// Anchored now. This process's `CLOCK_MONOTONIC` is `ahead` nanoseconds ahead of the kernel's,
    /// which is that of records.
    pub fn new(ahead: i64) -> Self {
        Self { offset: offset() + ahead, ahead, anchored: Instant::now() }
    }

    /// Anchors anew if it is time to.
    pub fn keep(&mut self) {
        if self.anchored.elapsed() >= GOOD_FOR {
            *self = Self::new(self.ahead);
        }
    }

    /// From nanoseconds of the kernel's `CLOCK_MONOTONIC`.
    pub const fn utc(&self, monotonic: u64) -> Timestamp {
        Timestamp::from_unix_nanos(monotonic.wrapping_add_signed(self.offset))
    }
}

/// Time of day minus monotonic time. The two can't be read at once: of a few attempts the one in
/// which the least time passed is the best.
fn offset() -> i64 {
    let attempt = || {
        let before = read(ClockId::Monotonic);
        let real = read(ClockId::Realtime);
        let after = read(ClockId::Monotonic);
        (after - before, real - i64::midpoint(before, after))
    };
    let best = (0..3).map(|_| attempt()).min_by_key(|(took, _)| *took);
    best.map_or(0, |(_, offset)| offset)
}

fn read(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn agrees_with_the_system_clock() {
        for ahead in [0, 86_400_000_000_000, -5_000_000_000] {
            let clock = Clock::new(ahead);
            let kernel = (read(ClockId::Monotonic) - ahead).cast_unsigned();
            let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let system = u64::try_from(system.as_nanos()).unwrap();
            let difference = clock.utc(kernel).to_unix_nanos().unwrap().abs_diff(system);
            assert!(difference < 50_000_000, "{difference} ns apart");
        }
    }

    #[test]
    fn an_old_anchor_is_renewed() {
        let mut clock = Clock::new(7);
        let offset = clock.offset;
        clock.offset = 0;
        clock.keep();
        assert_eq!(clock.offset, 0);
        clock.anchored = Instant::now().checked_sub(GOOD_FOR).unwrap();
        clock.keep();
        assert!(clock.offset.abs_diff(offset) < 50_000_000 && clock.ahead == 7);
        assert!(clock.anchored.elapsed() < GOOD_FOR);
    }
}
