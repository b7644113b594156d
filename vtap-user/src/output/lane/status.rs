//! The account of an output, which others may read at any time.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::policy::Policy;

/// What has become of an output's packets so far.
pub struct Status {
    /// The output's name in the accounts.
    pub output: String,
    /// What it does to the capture.
    pub policy: Policy,
    /// Packets that are out: all their bytes were taken.
    packets: AtomicU64,
    /// Packets that are known to be left out.
    dropped: AtomicU64,
    failed: AtomicBool,
    failure: OnceLock<Failure>,
}

/// Why an output takes no more.
#[derive(Clone, Debug)]
pub struct Failure {
    /// In words.
    pub message: String,
    /// For whoever must decide what follows from it.
    pub cause: Cause,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A reader has gone away, who may have seen enough.
    ReaderGone,
    /// The capture ended, and what was left was not taken in time.
    Deadline,
    /// Anything else.
    Error,
}

/// The account at the end of a capture.
#[derive(Clone, Debug)]
pub struct Report {
    /// The output's name.
    pub output: String,
    /// Packets that are out.
    pub packets: u64,
    /// All others.
    pub dropped: u64,
    /// Why it takes no more, if it does not.
    pub failure: Option<Failure>,
    /// Whether the capture depends on it.
    pub holds_up: bool,
}

impl Status {
    /// Of an output that has taken nothing yet.
    pub const fn new(output: String, policy: Policy) -> Self {
        Self {
            output,
            policy,
            packets: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            failure: OnceLock::new(),
        }
    }

    /// Packets that are out.
    pub fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }

    /// Packets that are known to be left out. What is on its way is in neither.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether it takes no more.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Why it takes no more.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub(super) fn set_packets(&self, packets: u64) {
        self.packets.store(packets, Ordering::Relaxed);
    }

    pub(super) fn set_dropped(&self, dropped: u64) {
        self.dropped.store(dropped, Ordering::Relaxed);
    }

    /// The first failure is kept.
    pub(super) fn fail(&self, failure: Failure) {
        let _ = self.failure.set(failure);
        self.failed.store(true, Ordering::Release);
    }
}
