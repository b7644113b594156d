//! Follows IPv6 extension headers in global functions.
//!
//! The verifier checks a global function once, for any arguments (Linux 5.6 and later). It would
//! check inlined code again for each state in which that code can be reached. When the loop over
//! the extension headers was inlined, for outer and for inner packets, it took three quarters of
//! the time to verify the program.

use aya_ebpf::{bindings::xdp_md, programs::XdpContext};
use vtap_common::wire::{
    Protocol,
    ipv6::{self, Extensions},
};

use super::{InFragments, InOnePiece, Linear};
use crate::kernel::maps::scratch;

/// For frames with one or several buffers. One function serves both, so it reads every frame like
/// one with several buffers.
#[inline(always)]
pub fn whole_buffer(ctx: &XdpContext, payload: u32, protocol: Protocol, end: u32) -> Extensions {
    Extensions::from_number(vtap_extensions(ctx.ctx, payload, protocol.0, end))
}

/// For frames with a single buffer.
#[inline(always)]
pub fn linear(ctx: &XdpContext, payload: u32, protocol: Protocol, end: u32) -> Extensions {
    Extensions::from_number(vtap_extensions_linear(ctx.ctx, payload, protocol.0, end))
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn vtap_extensions(ctx: *mut xdp_md, payload: u32, protocol: u32, end: u32) -> u64 {
    let Some(scratch) = scratch() else {
        return Extensions::damaged_at(payload).number();
    };
    let ctx = &XdpContext::new(ctx);
    let frame = InFragments { ctx, len: end, scratch };
    ipv6::follow(&frame, payload, Protocol(protocol), end).number()
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn vtap_extensions_linear(
    ctx: *mut xdp_md,
    payload: u32,
    protocol: u32,
    end: u32,
) -> u64 {
    let Some(scratch) = scratch() else {
        return Extensions::damaged_at(payload).number();
    };
    let ctx = &XdpContext::new(ctx);
    let frame = InOnePiece::<Linear>::new(ctx, scratch);
    ipv6::follow(&frame, payload, Protocol(protocol), end).number()
}
