//! What the kernel side keeps per CPU.

use super::{counters::Counters, segment::Segment};
use crate::wire::{HeaderBytes, Slots};

/// The state of one CPU. The counters and the clock persist between packets. The rest is scratch
/// space for the packet that is being examined.
///
/// One scratch space per CPU is enough as long as two XDP programs never interleave on a CPU. XDP
/// programs run with bottom halves disabled (in a softirq, in a NAPI thread, or in a write to a tun
/// device). On most kernels, nothing that runs an XDP program can interrupt such a section. Kernels
/// with `CONFIG_PREEMPT_RT` are the exception, because they can preempt it:
///
/// - Up to Linux 6.17, a per-CPU lock (`softirq_ctrl.lock` in `kernel/softirq.c`) prevents a second
///   such section from starting.
/// - From 6.18 on, that lock exists only with `CONFIG_PREEMPT_RT_NEEDS_BH_LOCK`. Without it, two
///   receive queues that are served by threads on the same CPU can interleave, and one can
///   overwrite the other's scratch space. Fields of one packet may then be taken for those of
///   another, so that it is selected or cut wrongly, and counts may be lost. Nothing outside a
///   frame is read, because every access is still checked against its bounds. To avoid this, serve
///   each receive queue of the interface on a CPU of its own.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CpuState {
    /// The only part that user space reads.
    pub counters: Counters,
    /// Where values are laundered; see [`Frame::launder_for_verifier`](crate::wire::Frame).
    pub slots: Slots,
    /// Where a header is copied to, if the frame has several buffers.
    pub header: HeaderBytes,
    /// The latest reading of the clock.
    pub clock: ClockReading,
    /// The number of NAPI polls that this CPU has completed. Another BPF program updates this
    /// field, so it must be accessed through volatile reads and writes, never through a reference.
    pub polls: u64,
    /// What is known about the datagrams in the next frame. The tracepoint program `vtap_segment`
    /// stores it. [`Segment::UNKNOWN`] if that program is not attached.
    pub segment: Segment,
}

/// A reading of the clock, which several packets may share.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct ClockReading {
    /// The value of [`CpuState::polls`] when the clock was read.
    pub poll: u64,
    /// The kernel's jiffies when the clock was read.
    pub jiffies: u64,
    /// The number of packets that have used this reading.
    pub packets: u64,
    /// The reading itself: `CLOCK_MONOTONIC`, in nanoseconds.
    pub reading: u64,
}
