//! How long each datagram of a frame is that generic XDP is about to see.
//!
//! A frame may hold several datagrams, which an XDP program can't tell. The tracepoint
//! `netif_receive_skb` fires on the same CPU just before generic XDP
//! (`__netif_receive_skb_core` in `net/core/dev.c`), for every frame that the host receives, and its
//! argument is the socket buffer. The length is read there and not in the XDP program because generic
//! XDP may replace the socket buffer in between (`skb_pp_cow_data`, since Linux 6.9).

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use vtap_common::{Segment, abi::SkbLayout};

use super::maps;

/// Notes the length for the XDP program.
#[raw_tracepoint(tracepoint = "netif_receive_skb")]
pub fn vtap_segment(ctx: RawTracePointContext) -> i32 {
    if let (Some(place), Some(layout)) = (maps::segment(), maps::skb_layout()) {
        let segment = read(ctx.arg(0), layout).unwrap_or(Segment::UNKNOWN);
        // SAFETY: a place in this CPU's own state. Only the XDP program reads it, after this.
        unsafe { place.write_volatile(segment) };
    }
    0
}

/// What was noted of the frame that the XDP program sees. It is taken once, so that it can't count for
/// another frame, should the tracepoint miss that.
#[inline(always)]
pub fn take(noted: &mut Segment) -> Segment {
    core::mem::replace(noted, Segment::UNKNOWN)
}

/// The end of `struct sk_buff`, from `tail` on.
#[repr(C)]
struct Bounds {
    tail: u32,
    end: u32,
    head: u64,
}

/// Most frames take two reads, of 5 to 10 ns each.
#[inline(always)]
fn read(skb: u64, layout: &SkbLayout) -> Option<Segment> {
    let Bounds { end, head, tail: _ } = load(skb + u64::from(layout.tail))?;
    let shared = head + u64::from(end);
    let size: u16 = load(shared + u64::from(layout.gso_size))?;
    if size == 0 {
        return Some(Segment::WHOLE);
    }
    let kind: u32 = load(shared + u64::from(layout.gso_type))?;
    // TCP is merged into one packet, and so is what a tunnel carries whose receiver runs here.
    let several = kind & layout.udp != 0 && kind & layout.tunnel == 0;
    Some(if several { Segment::of(u32::from(size)) } else { Segment::WHOLE })
}

#[inline(always)]
fn load<T>(address: u64) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let (to, len) = (value.as_mut_ptr().cast::<c_void>(), size_of::<T>() as u32);
    // SAFETY: `value` is as long as is said, and the helper survives any address.
    let result = unsafe { bpf_probe_read_kernel(to, len, address as *const c_void) };
    // SAFETY: the helper has filled it, with integers, for which any bytes are a value.
    (result == 0).then(|| unsafe { value.assume_init() })
}
