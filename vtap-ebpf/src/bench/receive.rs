//! Two receivers to compare vtap with: one that does nothing, and one that passes frames to an
//! `AF_XDP` socket.

use aya_ebpf::{
    bindings::xdp_action::XDP_DROP,
    btf_maps::XskMap,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

/// The sockets, by receive queue. A veth interface of the benchmark has at most 64 receive queues.
#[btf_map]
static SOCKETS: XskMap<64> = XskMap::new();

/// Drops every frame without reading it. This is the lower bound for the cost of any capture.
#[xdp(frags)]
pub fn floor(_: XdpContext) -> u32 {
    XDP_DROP
}

/// Passes every frame to the socket of its receive queue.
#[xdp]
pub fn to_socket(ctx: XdpContext) -> u32 {
    SOCKETS.redirect(ctx.rx_queue_index(), 0).unwrap_or(XDP_DROP)
}
