//! Which of the standard descriptors vtap was given.
//!
//! A shell's `>&-` closes one, and Rust's runtime then puts `/dev/null` in its place, so that no file
//! opened later gets its number. What is written there would be lost without a word, and it can't be
//! told from a `/dev/null` that the user has asked for. So this is looked at before the runtime is.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::{
    io::{Errno, fcntl_getfd},
    stdio,
};

static CLOSED: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

/// A standard descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
}

/// Is to be called once, before `main`.
pub extern "C" fn look() {
    for (closed, fd) in CLOSED.iter().zip([stdio::stdin(), stdio::stdout()]) {
        closed.store(fcntl_getfd(fd) == Err(Errno::BADF), Ordering::Relaxed);
    }
}

/// Whether it was closed when vtap was started.
#[must_use]
pub fn was_closed(standard: Standard) -> bool {
    CLOSED[standard as usize].load(Ordering::Relaxed)
}
