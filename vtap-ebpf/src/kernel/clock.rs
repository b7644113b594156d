//! The time of a packet.
//!
//! Reading the clock takes 25 to 32 ns, as long as reserving and committing a record. But a driver
//! hands over packets in polls of up to 64, so several packets of one poll share a reading. These
//! packets are one or two microseconds apart, or some tens of microseconds if each passes through the
//! network stack before the next. The tracepoint `napi_poll` tells us when a poll ends. If user space
//! has not attached the program below to it, each packet has a reading of its own.

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS,
    helpers::{bpf_ktime_get_ns, generated::bpf_jiffies64},
    macros::{raw_tracepoint, xdp},
    programs::{RawTracePointContext, XdpContext},
};
use vtap_common::abi::ClockReading;

use super::maps::{self, Polls};

/// Packets that share a reading at most.
const SHARED: u64 = 8;

/// Counts the polls of this CPU: `napi_poll` is traced when one has ended.
#[raw_tracepoint(tracepoint = "napi_poll")]
pub fn vtap_poll(_ctx: RawTracePointContext) -> i32 {
    if let Some(polls) = maps::polls() {
        // netconsole polls its device when the kernel prints a message, so this can run in the
        // middle of the XDP program. The cost is one stale reading of the clock.
        polls.end_one();
    }
    0
}

/// Writes the kernel's `CLOCK_MONOTONIC`, in nanoseconds, to the start of the frame. User space
/// runs this on a frame of its own, to compare the kernel's clock with its own.
#[xdp]
pub fn vtap_clock(ctx: XdpContext) -> u32 {
    let reading: *mut u64 = ctx.data() as *mut u64;
    if ctx.data() + size_of::<u64>() <= ctx.data_end() {
        // SAFETY: `bpf_ktime_get_ns` has no preconditions, and these bytes are in the frame.
        unsafe { reading.write_unaligned(bpf_ktime_get_ns()) };
    }
    XDP_PASS
}

/// `CLOCK_MONOTONIC` in nanoseconds.
#[inline(always)]
pub fn now(clock: &mut ClockReading, polls: Polls) -> u64 {
    let polls = polls.ended();
    // Packets may come from elsewhere than polls. For these, a tick of the kernel ends the use of a
    // reading. This call is compiled to a plain load.
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
