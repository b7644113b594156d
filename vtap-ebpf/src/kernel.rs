//! The entry points, and the verdict policy.

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
use vtap_common::{Outcome, Segment};

use self::{
    access::{Access, Linear, WholeBuffer},
    settings::settings,
};

/// For kernels from 5.18: frames in fragments, `bpf_xdp_load_bytes`.
#[xdp(frags)]
#[inline(always)]
pub fn vtap(ctx: XdpContext) -> u32 {
    tap::<WholeBuffer>(&ctx, native)
}

/// For kernels from 5.10: frames in one piece.
#[xdp]
#[inline(always)]
pub fn vtap_linear(ctx: XdpContext) -> u32 {
    tap::<Linear>(&ctx, native)
}

/// [`vtap`] in generic mode.
#[xdp(frags)]
#[inline(always)]
pub fn vtap_generic(ctx: XdpContext) -> u32 {
    tap::<WholeBuffer>(&ctx, segment::take)
}

/// [`vtap_linear`] in generic mode.
#[xdp]
#[inline(always)]
pub fn vtap_linear_gen(ctx: XdpContext) -> u32 {
    tap::<Linear>(&ctx, segment::take)
}

/// No driver hands over several datagrams in a frame: with a native program, the kernel switches off
/// the offloads that put them together, also at the other end of a veth pair.
#[inline(always)]
fn native(_: &mut Segment) -> Segment {
    Segment::WHOLE
}

#[inline(always)]
fn tap<A: Access>(ctx: &XdpContext, segment: impl FnOnce(&mut Segment) -> Segment) -> u32 {
    // SAFETY: the only call in a run.
    let Some(mut state) = (unsafe { maps::state() }) else {
        return XDP_ABORTED;
    };
    let segment = segment(state.segment);
    let outcome = A::examine(ctx, segment, &mut state);
    match outcome {
        Outcome::NotTunnel => XDP_PASS,
        Outcome::Malformed(reason) => {
            debug!(ctx, "malformed tunnel packet, reason {}", reason as u32);
            XDP_PASS
        }
        Outcome::Filtered => verdict(),
        Outcome::Matched(matched) => {
            if let Err(reason) = deliver::packet::<A>(ctx, &matched, state.clock, state.polls) {
                debug!(ctx, "lost an inner packet of {} bytes", matched.inner.len);
                state.counters.count_lost(reason);
            }
            verdict()
        }
        Outcome::Coalesced(len) => {
            if let Err(reason) = deliver::frame::<A>(ctx, segment, state.clock, state.polls) {
                debug!(ctx, "lost a frame with {} bytes of payload", len);
                state.counters.count_lost_frame(segment.datagrams(len), len, reason);
            }
            verdict()
        }
    }
}

/// What becomes of a tunnel packet that was examined.
#[inline(always)]
fn verdict() -> u32 {
    if settings().pass != 0 { XDP_PASS } else { XDP_DROP }
}
