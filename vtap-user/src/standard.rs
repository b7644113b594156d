//! Which of the standard descriptors vtap was given.
//!
//! A shell's `>&-` closes one, and Rust's runtime then puts `/dev/null` in its place, so that no file
//! opened later gets its number. What is written there would be lost without a word, and it can't be
//! told from a `/dev/null` that the user has asked for. So this is looked at before the runtime is.

use std::{
    fs,
    os::fd::BorrowedFd,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::{
    io::{Errno, fcntl_getfd},
    stdio,
};

static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// A standard descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standard {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Standard {
    const ALL: [Self; 3] = [Self::Input, Self::Output, Self::Error];

    /// The descriptor.
    #[must_use]
    pub fn fd(self) -> BorrowedFd<'static> {
        match self {
            Self::Input => stdio::stdin(),
            Self::Output => stdio::stdout(),
            Self::Error => stdio::stderr(),
        }
    }

    /// Its name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "standard input",
            Self::Output => "standard output",
            Self::Error => "standard error",
        }
    }
}

/// Links after which the kernel gives up as well.
const MAX_LINKS: usize = 40;

/// The standard descriptor that a path names, as `/dev/stdout` does, or a link to it.
#[must_use]
pub fn of_path(path: &Path) -> Option<Standard> {
    let own = fs::canonicalize("/proc/self/fd").ok()?;
    let threads = fs::canonicalize("/proc/thread-self/fd").ok();
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let dir = dir.unwrap_or(Path::new(".")).to_owned();
        let found = fs::canonicalize(&dir).ok()?;
        if found == own || Some(&found) == threads.as_ref() {
            let number: usize = path.file_name()?.to_str()?.parse().ok()?;
            return Standard::ALL.get(number).copied();
        }
        path = dir.join(path.read_link().ok()?);
    }
    None
}

/// Is to be called once, before `main`.
pub extern "C" fn look() {
    for (closed, descriptor) in CLOSED.iter().zip(Standard::ALL) {
        closed.store(fcntl_getfd(descriptor.fd()) == Err(Errno::BADF), Ordering::Relaxed);
    }
}

/// Whether it was closed when vtap was started.
#[must_use]
pub fn was_closed(standard: Standard) -> bool {
    CLOSED[standard as usize].load(Ordering::Relaxed)
}
