//! What the kernel side keeps per CPU.

use super::counters::Counters;
use crate::{
    segment::Segment,
    wire::{HeaderBytes, Slots},
};

/// The state of one CPU. The counters and the clock live on between packets; the rest is scratch
/// space of the packet that is being examined.
///
/// The scratch space is one packet's as long as XDP programs of one CPU run one after the other. They
/// run with bottom halves disabled (in a softirq, a NAPI thread, or a system call of tun), which on
/// most kernels nothing of the kind interrupts. With `CONFIG_PREEMPT_RT` such a section can be
/// preempted, but up to Linux 6.17 a per-CPU lock (`softirq_ctrl.lock` in `kernel/softirq.c`) keeps a
/// second one out. From 6.18 on that lock exists only with `CONFIG_PREEMPT_RT_NEEDS_BH_LOCK`. Without
/// it, two receive queues that are served by threads on the same CPU can examine packets in turn, and
/// one may then read what the other wrote here. The verifier's bounds hold even then, so nothing is
/// read outside of a frame, but a packet may be cut at the wrong place, and counts may be missed. Such
/// a machine needs a CPU of its own for each receive queue of the interface.
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
    /// Polls of network devices that this CPU has ended. Another program counts them, so no
    /// reference to them is made, only volatile accesses.
    pub polls: u64,
    /// What the frame that comes next holds; zero where nothing looks at it.
    pub segment: Segment,
}

/// A reading of the clock, and what it serves.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ClockReading {
    /// [`CpuState::polls`] at the reading.
    pub poll: u64,
    /// The kernel's jiffies at the reading.
    pub jiffies: u64,
    /// Packets that the reading has served.
    pub packets: u64,
    /// `CLOCK_MONOTONIC`, in nanoseconds.
    pub reading: u64,
}
