//! The time of a packet.
//!
//! Reading the clock takes 25 to 32 ns, as long as to reserve and submit a record. But a driver
//! delivers packets in NAPI polls of up to 64. So up to [`SHARED`] packets of a poll share one
//! reading. Packets are processed one or two microseconds apart, so a shared reading is at most
//! some 15 microseconds old. (It can be some hundreds of microseconds old if each packet passes
//! through the network stack before the next one.) The tracepoint `napi_poll` shows when a poll has
//! ended. If user space has not attached [`vtap_poll`] to this tracepoint, the clock is read for
//! every packet.
//!
//! Packets that do not come from a poll (as on tun) share a reading too, but only until the
//! kernel's next tick. Such a reading can be as old as a tick, which is 1 to 10 ms.

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS,
    helpers::{bpf_ktime_get_ns, generated::bpf_jiffies64},
    macros::{raw_tracepoint, xdp},
    programs::{RawTracePointContext, XdpContext},
};
use vtap_common::abi::ClockReading;

use super::maps::{self, Polls};

/// The most packets that share a reading.
const SHARED: u64 = 8;

/// Counts the NAPI polls of this CPU. The tracepoint `napi_poll` fires at the end of each poll.
#[raw_tracepoint(tracepoint = "napi_poll")]
pub fn vtap_poll(_ctx: RawTracePointContext) -> i32 {
    if let Some(polls) = maps::polls() {
        // This can run in the middle of the XDP program, because netconsole polls its device when
        // the kernel prints a message. That does no harm: the clock is read once more than
        // necessary.
        polls.end_one();
    }
    0
}

/// Writes `CLOCK_MONOTONIC`, in nanoseconds, to the start of the frame. User space starts this
/// program by `BPF_PROG_TEST_RUN` and compares the result with its own clock. The two can differ,
/// because user space may be in a time namespace.
#[xdp]
pub fn vtap_clock(ctx: XdpContext) -> u32 {
    let reading: *mut u64 = ctx.data() as *mut u64;
    if ctx.data() + size_of::<u64>() <= ctx.data_end() {
        // SAFETY: `bpf_ktime_get_ns` has no preconditions, and these bytes are in the frame.
        unsafe { reading.write_unaligned(bpf_ktime_get_ns()) };
    }
    XDP_PASS
}

/// The timestamp for a packet: `CLOCK_MONOTONIC` in nanoseconds, from a shared or a new reading.
#[inline(always)]
pub fn now(clock: &mut ClockReading, polls: Polls) -> u64 {
    let polls = polls.ended();
    // Some packets do not come from a NAPI poll. For them, a reading is used until the kernel's
    // next tick. The kernel inlines `bpf_jiffies64` as a plain load, so the call costs almost
    // nothing.
    // SAFETY: no preconditions.
    let jiffies = unsafe { bpf_jiffies64() };
    let poll_goes_on = polls != 0 && polls == clock.poll && clock.jiffies == jiffies;
    if !poll_goes_on || clock.packets >= SHARED {
        // SAFETY: no preconditions.
        let reading = unsafe { bpf_ktime_get_ns() };
        clock.poll = polls;
        clock.jiffies = jiffies;
        clock.packets = 0;
        clock.reading = reading;
    }
    clock.packets += 1;
    clock.reading
}
