//! From the kernel's monotonic timestamps to the time of day.

use std::{
    fs::{read_link, read_to_string},
    sync::LazyLock,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::timestamp::Timestamp;

/// How long an anchor is good for. The clocks drift apart by some parts per million, and the time
/// of day may be stepped.
const GOOD_FOR: Duration = Duration::from_millis(100);

/// What this process's `CLOCK_MONOTONIC` is ahead of the kernel's own, in nanoseconds: it may be in
/// a time namespace (`time_namespaces(7)`), which no BPF program is.
static AHEAD: LazyLock<i64> = LazyLock::new(|| {
    // The file is about the namespace of children.
    let namespace = |name| read_link(format!("/proc/self/ns/{name}")).ok();
    if namespace("time") != namespace("time_for_children") {
        return 0;
    }
    read_to_string("/proc/self/timens_offsets").map_or(0, |offsets| ahead(&offsets))
});

fn ahead(offsets: &str) -> i64 {
    let line = offsets.lines().find_map(|line| line.strip_prefix("monotonic"));
    let mut numbers = line.unwrap_or_default().split_whitespace().map_while(|n| n.parse().ok());
    let mut next = || numbers.next().unwrap_or(0_i64);
    next() * 1_000_000_000 + next()
}

/// Converts the kernel's `CLOCK_MONOTONIC` to UTC.
pub struct Clock {
    /// What to add to a monotonic time.
    offset: i64,
    anchored: Instant,
}

impl Clock {
    /// Anchored now.
    pub fn new() -> Self {
        Self { offset: offset(), anchored: Instant::now() }
    }

    /// Anchors anew if it is time to.
    pub fn keep(&mut self) {
        if self.anchored.elapsed() >= GOOD_FOR {
            *self = Self::new();
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
    best.map_or(0, |(_, offset)| offset) + *AHEAD
}

fn read(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Nanoseconds of the kernel's `CLOCK_MONOTONIC`.
    fn monotonic() -> u64 {
        (read(ClockId::Monotonic) - *AHEAD).cast_unsigned()
    }

    #[test]
    fn agrees_with_the_system_clock() {
        let clock = Clock::new();
        let monotonic = monotonic();
        let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let difference = clock
            .utc(monotonic)
            .to_unix_nanos()
            .unwrap()
            .abs_diff(u64::try_from(system.as_nanos()).unwrap());
        assert!(difference < 50_000_000, "{difference} ns apart");
    }

    #[test]
    fn offsets_of_a_time_namespace() {
        assert_eq!(ahead("monotonic           2         5\nboottime       7   0\n"), 2_000_000_005);
        assert_eq!(ahead("monotonic -2 500000000\n"), -1_500_000_000);
        assert_eq!(ahead(""), 0);
    }
}
