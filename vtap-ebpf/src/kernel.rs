//! The XDP programs that capture, and the verdict on each frame. (The programs that help them are
//! in [`clock`] and [`segment`].)

mod access;
mod clock;
mod deliver;
mod maps;
mod opaque;
mod segment;
mod settings;

use aya_ebpf::{
    bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use aya_log_ebpf::debug;
use vtap_common::{Outcome, abi::Segment};

use self::{
    access::{Access, Linear, WholeBuffer},
    settings::settings,
};

/// The program for native mode on Linux 5.18 and later. It handles multi-buffer frames and uses
/// `bpf_xdp_load_bytes`.
#[xdp(frags)]
#[inline(always)]
pub fn vtap(ctx: XdpContext) -> u32 {
    tap::<WholeBuffer>(&ctx, native)
}

/// The program for native mode on Linux 5.10 and later. It handles only frames in a single buffer.
#[xdp]
#[inline(always)]
pub fn vtap_linear(ctx: XdpContext) -> u32 {
    tap::<Linear>(&ctx, native)
}

/// [`vtap`] in generic mode, and for tun.
#[xdp(frags)]
#[inline(always)]
pub fn vtap_generic(ctx: XdpContext) -> u32 {
    tap::<WholeBuffer>(&ctx, segment::take)
}

/// [`vtap_linear`] in generic mode. (A program name has at most 15 characters.)
#[xdp]
#[inline(always)]
pub fn vtap_linear_gen(ctx: XdpContext) -> u32 {
    tap::<Linear>(&ctx, segment::take)
}

/// What is known about a frame in native mode: it holds one datagram. Native XDP runs before the
/// kernel merges datagrams (GRO), and a driver does not merge them in hardware while a native
/// program is attached. The driver of veth also disables the segmentation offloads of the peer, so
/// that the peer sends no merged datagrams.
#[inline(always)]
fn native(_: &mut Segment) -> Segment {
    Segment::WHOLE
}

#[inline(always)]
fn tap<A: Access>(ctx: &XdpContext, segment: impl FnOnce(&mut Segment) -> Segment) -> u32 {
    // SAFETY: this is the only call of `state` during a run of the program.
    let Some(mut state) = (unsafe { maps::state() }) else {
        return XDP_ABORTED;
    };
    let segment = segment(state.segment);
    let outcome = A::examine(ctx, segment, &mut state);
    match outcome {
        Outcome::NotTunnel => XDP_PASS,
        Outcome::Malformed(reason) => {
            debug!(ctx, "malformed tunnel packet (Malformed variant {})", reason as u32);
            XDP_PASS
        }
        Outcome::Filtered => verdict(),
        Outcome::Matched(matched) => {
            if let Err(reason) = deliver::packet::<A>(ctx, &matched, state.clock, state.polls) {
                let (len, reason_number) = (matched.inner.len, reason as u32);
                debug!(ctx, "lost a packet of {} bytes (Lost variant {})", len, reason_number);
                state.counters.count_lost(reason);
            }
            verdict()
        }
        Outcome::Coalesced(len) => {
            if let Err(reason) = deliver::frame::<A>(ctx, segment, state.clock, state.polls) {
                let reason_number = reason as u32;
                debug!(ctx, "lost {} bytes of datagrams (Lost variant {})", len, reason_number);
                state.counters.count_lost_frame(segment.datagrams(len), len, reason);
            }
            verdict()
        }
    }
}

/// The verdict on a frame that vtap has taken: pass it to the network stack, or drop it.
#[inline(always)]
fn verdict() -> u32 {
    if settings().pass != 0 { XDP_PASS } else { XDP_DROP }
}
