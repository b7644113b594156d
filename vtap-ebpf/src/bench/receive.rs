//! The least that a receiver can do, and the way to an `AF_XDP` socket.

use aya_ebpf::{
    bindings::xdp_action::XDP_DROP,
    btf_maps::XskMap,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

/// Receive queues of a veth at most.
#[btf_map]
static SOCKETS: XskMap<64> = XskMap::new();

/// Drops every frame unseen: what no capture can be faster than.
#[xdp(frags)]
pub fn floor(_: XdpContext) -> u32 {
    XDP_DROP
}

/// Hands every frame to the socket of its queue.
#[xdp]
pub fn to_socket(ctx: XdpContext) -> u32 {
    SOCKETS.redirect(ctx.rx_queue_index(), 0).unwrap_or(XDP_DROP)
}
