//! Finds out the length of each datagram in a frame, in generic mode.
//!
//! In generic mode, a frame may hold several datagrams (see [`vtap_common::abi::Segment`]), and an
//! XDP program cannot find out whether it does. But a program on the tracepoint `netif_receive_skb`
//! can, because the argument of the tracepoint is the socket buffer. The tracepoint fires for every
//! frame that the host receives, on the same CPU and just before generic XDP
//! (`__netif_receive_skb_core` in `net/core/dev.c`).
//!
//! It would not do to store only the address of the socket buffer and let the XDP program read it:
//! generic XDP may replace the socket buffer first (`skb_pp_cow_data`, since Linux 6.9).

use core::ffi::c_void;

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use vtap_common::abi::{Segment, SkbLayout};

use super::maps;

/// Stores the length of each datagram in
/// [`CpuState::segment`](vtap_common::abi::CpuState::segment), where the XDP program finds it.
#[raw_tracepoint(tracepoint = "netif_receive_skb")]
pub fn vtap_segment(ctx: RawTracePointContext) -> i32 {
    if let (Some(place), Some(layout)) = (maps::segment(), maps::skb_layout()) {
        let segment = read(ctx.arg(0), layout).unwrap_or(Segment::UNKNOWN);
        // SAFETY: `place` points to this CPU's own state. Only the XDP program uses it as well, and
        // it runs after this program, not at the same time.
        unsafe { place.write_volatile(segment) };
    }
    0
}

/// Returns what `vtap_segment` stored for this frame, and resets it. If the tracepoint does not
/// fire for the next frame, that frame then counts as unknown and does not inherit the value of
/// this one.
#[inline(always)]
pub fn take(noted: &mut Segment) -> Segment {
    core::mem::replace(noted, Segment::UNKNOWN)
}

/// Reads the length from a socket buffer. Most frames need two reads, which take 5 to 10 ns each.
#[inline(always)]
fn read(skb: u64, layout: &SkbLayout) -> Option<Segment> {
    // `end`, `head` behind it, and the padding between the two or what follows.
    // SAFETY: four integers.
    let [end, a, b, c]: [u32; 4] = unsafe { load(skb + u64::from(layout.end)) }?;
    let head = if layout.head == layout.end + 4 { pointer(a, b) } else { pointer(b, c) };
    let shared = head + u64::from(end);
    // SAFETY: an integer.
    let size: u16 = unsafe { load(shared + u64::from(layout.gso_size)) }?;
    if size == 0 {
        return Some(Segment::WHOLE);
    }
    // SAFETY: an integer.
    let kind: u32 = unsafe { load(shared + u64::from(layout.gso_type)) }?;
    // Only UDP datagrams are put one after the other. TCP segments, and the inner packets of a
    // tunnel that ends on this host, are merged into one larger packet, so the frame holds one.
    let several = kind & layout.udp != 0 && kind & layout.tunnel == 0;
    Some(if several { Segment::of(u32::from(size)) } else { Segment::WHOLE })
}

/// The pointer whose halves lie in memory like this.
#[inline(always)]
fn pointer(first: u32, second: u32) -> u64 {
    let (low, high) = if cfg!(target_endian = "big") { (second, first) } else { (first, second) };
    u64::from(high) << 32 | u64::from(low)
}

/// Reads a value from kernel memory, or `None` if it cannot be read.
///
/// # Safety
///
/// Any bytes are a valid `T`.
#[inline(always)]
unsafe fn load<T>(address: u64) -> Option<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    let (to, len) = (value.as_mut_ptr().cast::<c_void>(), size_of::<T>() as u32);
    // SAFETY: `value` is writable for `len` bytes. The source may be any address, because the
    // helper returns an error if it cannot be read.
    let result = unsafe { bpf_probe_read_kernel(to, len, address as *const c_void) };
    // SAFETY: the helper has written all bytes of `value`, and the caller promises that any bytes
    // are a valid `T`.
    (result == 0).then(|| unsafe { value.assume_init() })
}
