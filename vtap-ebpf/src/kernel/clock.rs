//! The time of a packet.
//!
//! To read the clock takes 25 to 32 ns, as much as to reserve and commit a record. A driver hands
//! over packets in polls, though, of 64 at most; so a reading serves a few packets of one poll. They
//! are a microsecond or two apart, or some tens where they pass through the network stack meanwhile.
//! Where a poll ends tells the tracepoint `napi_poll`; where that is not attached (see `vtap-user`),
//! each packet has its own reading.

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS,
    helpers::{bpf_ktime_get_ns, generated::bpf_jiffies64},
    macros::{raw_tracepoint, xdp},
    programs::{RawTracePointContext, XdpContext},
};
use vtap_common::abi::ClockReading;

use super::maps;

/// Packets that share a reading at most.
const SHARED: u64 = 8;

/// Counts the polls of this CPU: `napi_poll` is traced when one has ended.
#[raw_tracepoint(tracepoint = "napi_poll")]
pub fn vtap_poll(_ctx: RawTracePointContext) -> i32 {
    if let Some(polls) = maps::polls() {
        // SAFETY: this CPU's own. By a console over the network, this may run within the XDP
        // program, which then reads the clock once too often or too seldom.
        unsafe { polls.write_volatile(polls.read_volatile() + 1) };
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
pub fn now(clock: &mut ClockReading) -> u64 {
    // Should packets come from elsewhere than polls, this bounds how long a reading serves. It is
    // a load, not a call.
    // SAFETY: no preconditions.
    let jiffies = unsafe { bpf_jiffies64() };
    let poll_goes_on = clock.polls != 0 && clock.polls == clock.poll && clock.jiffies == jiffies;
    if !poll_goes_on || clock.packets >= SHARED {
        // SAFETY: no preconditions.
        let reading = unsafe { bpf_ktime_get_ns() };
        // Not `polls`, which is another's to write.
        clock.poll = clock.polls;
        clock.jiffies = jiffies;
        clock.packets = 0;
        clock.reading = reading;
    }
    clock.packets += 1;
    clock.reading
}
