//! What the kernel side keeps per CPU.

use super::counters::Counters;
use crate::wire::{HeaderBytes, Slots};

/// What the kernel keeps per CPU: the counters between packets, the rest within one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CpuState {
    /// The only part that user space reads.
    pub counters: Counters,
    /// See [`Slots`].
    pub slots: Slots,
    /// See [`HeaderBytes`].
    pub header: HeaderBytes,
    /// See [`ClockReading`].
    pub clock: ClockReading,
}

/// A reading of the clock, and what it serves.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ClockReading {
    /// Polls of network devices that this CPU has ended.
    pub polls: u64,
    /// How many there were at the reading.
    pub poll: u64,
    /// The kernel's jiffies at the reading.
    pub jiffies: u64,
    /// Packets that the reading has served.
    pub packets: u64,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub reading: u64,
}
