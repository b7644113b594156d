//! The two entry points, and the verdict policy.

mod access;
mod clock;
mod deliver;
mod maps;
mod opaque;
mod settings;

use aya_ebpf::{
    bindings::xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use aya_log_ebpf::debug;
use vtap_common::Outcome;

use self::{
    access::{Access, Linear, WholeBuffer},
    settings::settings,
};

/// For kernels from 5.18: frames in fragments, `bpf_xdp_load_bytes`.
#[xdp(frags)]
#[inline(always)]
pub fn vtap(ctx: XdpContext) -> u32 {
    tap::<WholeBuffer>(&ctx)
}

/// For kernels from 5.10: frames in one piece.
#[xdp]
#[inline(always)]
pub fn vtap_linear(ctx: XdpContext) -> u32 {
    tap::<Linear>(&ctx)
}

#[inline(always)]
fn tap<A: Access>(ctx: &XdpContext) -> u32 {
    // SAFETY: the only call in a run.
    let Some(mut state) = (unsafe { maps::state() }) else {
        return XDP_ABORTED;
    };
    let outcome = A::examine(ctx, &mut state);
    match outcome {
        Outcome::NotTunnel => XDP_PASS,
        Outcome::Malformed(reason) => {
            debug!(ctx, "malformed tunnel packet, reason {}", reason as u32);
            XDP_PASS
        }
        Outcome::Filtered => verdict(),
        Outcome::Matched(matched) => {
            if let Err(reason) = deliver::deliver::<A>(ctx, &matched, state.clock, state.polls) {
                debug!(ctx, "lost an inner packet of {} bytes", matched.inner.len);
                state.counters.count_lost(reason);
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
