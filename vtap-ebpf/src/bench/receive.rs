//! A receiver that does the least possible, and one that hands frames to an `AF_XDP` socket.

use aya_ebpf::{
    bindings::xdp_action::XDP_DROP,
    btf_maps::XskMap,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

/// A place for each receive queue of a veth.
#[btf_map]
static SOCKETS: XskMap<64> = XskMap::new();

/// Drops every frame unread. No capture can be faster.
#[xdp(frags)]
pub fn floor(_: XdpContext) -> u32 {
    XDP_DROP
}

/// Hands every frame to the socket of its queue.
#[xdp]
pub fn to_socket(ctx: XdpContext) -> u32 {
    SOCKETS.redirect(ctx.rx_queue_index(), 0).unwrap_or(XDP_DROP)
}
