//! The signals that end vtap. The first one ends it in good order: what was begun is finished, and
//! the accounts are closed. A second one ends it at once; the kernel then detaches the program.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use procfs::process::Process;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag,
    low_level::pipe,
};

use super::cancel::Cancel;

/// The exit code after a second signal.
const INTERRUPTED: i32 = 1;

/// A file that would grow beyond the limit of this process (`ulimit -f`) is an error of the write, as
/// a full disk is: the signal that comes with it would kill.
pub fn outlive_file_limits() -> io::Result<()> {
    // Programs that vtap starts get the signal as ever: what is handled is not inherited.
    flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// From here on these signals begin the end and no longer kill.
pub fn watch(cancel: &Cancel) -> io::Result<()> {
    let came = Arc::new(AtomicBool::new(false));
    // A closed terminal often sends two hangups, one by the shell and one by the kernel. So a
    // hangup never is the second signal.
    for signal in [SIGINT, SIGTERM] {
        // Handlers run in this order: only a signal that finds the flag set ends the process.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&came))?;
    }
    // `nohup` has hangups ignored, and then a capture is to outlive its terminal.
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
        let (begun, byte) = cancel.for_handler()?;
        flag::register(signal, Arc::clone(&came))?;
        flag::register(signal, begun)?;
        pipe::register(signal, byte)?;
    }
    Ok(())
}

fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 != 0)
}
