//! How far this process's clock is from the kernel's.

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf,
    programs::{TestRun as _, TestRunOptions, Xdp},
};
use rustix::time::{ClockId, clock_gettime};

use super::{explain::explain, load::load_error};

/// The shortest frame that every kernel lets a program run on.
const FRAME: [u8; 64] = [0; 64];
/// The closest of so many comparisons count.
const ATTEMPTS: usize = 10;

/// Nanoseconds that this process's `CLOCK_MONOTONIC` is ahead of the one that BPF programs read.
/// The two differ in a time namespace (`time_namespaces(7)`). `/proc` would tell by how much, but it
/// may be hidden, or be that of other processes; so a program reads the kernel's clock.
pub(super) fn ahead(ebpf: &mut Ebpf) -> Result<i64> {
    let program = ebpf.program_mut("vtap_clock").context("no such program")?;
    let program: &mut Xdp = program.try_into()?;
    program.load().map_err(load_error)?;
    let mut bounds = (i64::MIN, i64::MAX);
    for _ in 0..ATTEMPTS {
        let before = own();
        let kernel = read(program)?;
        let after = own();
        bounds = narrowed(bounds, (before - kernel, after - kernel));
    }
    program.unload()?;
    Ok(within(bounds))
}

/// The kernel's clock.
fn read(program: &Xdp) -> Result<i64> {
    let mut frame = FRAME;
    let options = TestRunOptions {
        data_in: Some(&FRAME),
        data_out: Some(&mut frame),
        ..TestRunOptions::new()
    };
    program.test_run(options).map_err(|error| explain(&error))?;
    let reading = frame.first_chunk().map(|bytes| i64::from_ne_bytes(*bytes));
    let reading = reading.filter(|reading| *reading != 0);
    ensure!(reading.is_some(), "the program `vtap_clock` told no time");
    Ok(reading.unwrap_or_default())
}

/// This process's clock.
fn own() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// What is within both bounds. The clocks run alike, so that there always is something.
fn narrowed(one: (i64, i64), other: (i64, i64)) -> (i64, i64) {
    (one.0.max(other.0), one.1.min(other.1))
}

/// The difference: none, if that is possible.
fn within((least, most): (i64, i64)) -> i64 {
    if least <= 0 && most >= 0 { 0 } else { i64::midpoint(least, most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_difference_is_measured_as_none() {
        assert_eq!(within((-3_000, 2_000)), 0);
        assert_eq!(within((-9, 0)), 0);
        assert_eq!(within((0, 9)), 0);
    }

    #[test]
    fn a_difference_is_in_the_midst_of_its_bounds() {
        let day = 86_400_000_000_000;
        let bounds = narrowed((day - 900, day + 100), (day - 100, day + 500));
        assert_eq!(bounds, (day - 100, day + 100));
        assert_eq!(within(bounds), day);
        assert_eq!(within((1, 3)), 2);
        assert_eq!(within((-3, -1)), -2);
    }
}
