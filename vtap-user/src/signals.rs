//! The signals that end vtap. The first one ends it in good order: what was begun is finished, and
//! the accounts are closed. A second one ends it at once; the kernel then detaches the program.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use procfs::process::Process;
use rustix::time::{ClockId, Timespec, clock_gettime};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag, low_level,
};

use crate::cancel::Cancel;

/// The exit code after a second signal.
const INTERRUPTED: i32 = 1;

/// Within so many milliseconds, signals are one: `timeout` sends its signal to the process and then
/// to the process group as well.
const SAME_SIGNAL: u64 = 100;

/// A file that would grow beyond the limit of this process (`ulimit -f`) is an error of the write, as
/// a full disk is: the signal that comes with it would kill.
pub fn outlive_file_limits() -> io::Result<()> {
    // Programs that vtap starts get the signal as ever: what is handled is not inherited.
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// From here on these signals begin the end and no longer kill.
pub fn watch(cancel: &Cancel) -> io::Result<()> {
    let first = Arc::new(AtomicU64::new(0));
    // `nohup` has hangups ignored, and then a capture is to outlive its terminal.
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
        let first = Arc::clone(&first);
        let (begun, byte) = cancel.for_handler()?;
        // One handler for all there is to do: a signal that comes before the next line does nothing
        // by halves.
        let handle = move || {
            // A closed terminal often sends two hangups, one by the shell and one by the kernel. So
            // a hangup may be the first signal, but never is the second.
            if is_second(&first, milliseconds()) && signal != SIGHUP {
                low_level::exit(INTERRUPTED);
            }
            begun.store(true, Ordering::Release);
            let _ = rustix::io::write(&byte, &[0]);
        };
        // SAFETY: atomic variables, `clock_gettime`, `write` to what does not block and `_exit` may
        // be used in a signal handler, and the closure does not panic.
        unsafe { low_level::register(signal, handle) }?;
    }
    Ok(())
}

/// Whether a signal that comes now is a second one. `first` keeps when the first came, or 0.
fn is_second(first: &AtomicU64, now: u64) -> bool {
    match first.compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => false,
        Err(first) => now.saturating_sub(first) > SAME_SIGNAL,
    }
}

/// Milliseconds of a clock that nobody sets.
fn milliseconds() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    (tv_sec * 1000 + tv_nsec / 1_000_000).cast_unsigned()
}

fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signals_of_one_sender_are_one() {
        let first = AtomicU64::new(0);
        assert!(![0, 0, 1, SAME_SIGNAL].map(|now| is_second(&first, now)).contains(&true));
        assert!(is_second(&first, 2 + SAME_SIGNAL));
    }
}
