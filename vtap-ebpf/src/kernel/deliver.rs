//! From the frame into this CPU's ring, in one copy.
//!
//! What was tried to make it faster. Measured on an AMD EPYC (Zen 4) with packets of 114 bytes, where
//! sending and receiving alone take 140 ns per packet:
//!
//! - Up to eight packets of a poll share one reading of the clock ([`super::clock`]): 25 ns less.
//! - The program copies short packets itself instead of calling a helper ([`short`]): 20 ns less.
//! - User space sleeps and polls, so that no record wakes it up: three times the rate.
//! - Rings of 1 MiB, which fit the cache: no faster than 16 MiB, and they lose packets.
//! - A ring of our own in a mapped array, without reserving and committing: 20 ns less in a prototype.
//!   It was dropped. It can't wake its reader, it needs barriers on machines other than x86 (which BPF
//!   has only from Linux 6.15 on), and older kernels would need the present way besides.

mod short;

use core::mem::MaybeUninit;

use aya_ebpf::{helpers::bpf_get_smp_processor_id, programs::XdpContext};
use vtap_common::{
    Matched, Segment,
    abi::{ClockReading, Lost, RecordHeader},
    record_classes,
};

use super::{
    access::Access,
    clock,
    maps::{self, Polls, Ring},
    opaque::{at_most, opaque},
    settings::settings,
};

/// Hands an inner packet to user space.
#[inline(always)]
pub fn packet<A: Access>(
    ctx: &XdpContext,
    matched: &Matched,
    clock: &mut ClockReading,
    polls: Polls,
) -> Result<(), Lost> {
    let snaplen = settings().snaplen;
    let caplen = if matched.inner.len < snaplen { matched.inner.len } else { snaplen };
    deliver::<A>(ctx, clock, polls, matched.tunnel.payload, caplen, |timestamp, queue| {
        matched.record_header(caplen, timestamp, queue)
    })
}

/// Hands a whole outer frame to user space, which divides it.
#[inline(always)]
pub fn frame<A: Access>(
    ctx: &XdpContext,
    segment: Segment,
    clock: &mut ClockReading,
    polls: Polls,
) -> Result<(), Lost> {
    let len = A::len(ctx);
    deliver::<A>(ctx, clock, polls, 0, len, |timestamp, queue| {
        RecordHeader::frame(segment, len, timestamp, queue)
    })
}

/// Hands over `caplen` bytes of the frame, `from` an offset on, behind a header with a time and a
/// queue.
#[inline(always)]
fn deliver<A: Access>(
    ctx: &XdpContext,
    clock: &mut ClockReading,
    polls: Polls,
    from: u32,
    caplen: u32,
    header: impl FnOnce(u64, u32) -> RecordHeader,
) -> Result<(), Lost> {
    // SAFETY: no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    let ring = maps::ring(cpu).ok_or(Lost::NoRing)?;
    let timestamp = clock::now(clock, polls);
    let header = header(timestamp, ctx.rx_queue_index());

    let caplen = opaque(caplen as usize);
    if caplen == 0 {
        return put::<A, 64>(ctx, ring, &header, from, 0);
    }
    macro_rules! put_in_class {
        ($($size:literal),+) => {
            $(if caplen <= $size {
                return put::<A, $size>(ctx, ring, &header, from, caplen);
            })+
        };
    }
    record_classes!(put_in_class);
    Err(Lost::TooLong)
}

/// A record of one class.
#[repr(C)]
struct Record<const N: usize> {
    header: RecordHeader,
    data: [MaybeUninit<u8>; N],
}

#[inline(always)]
fn put<A: Access, const N: usize>(
    ctx: &XdpContext,
    ring: &Ring,
    header: &RecordHeader,
    from: u32,
    caplen: usize,
) -> Result<(), Lost> {
    let mut entry = ring.reserve_untyped::<Record<N>>(0).ok_or(Lost::RingFull)?;
    let record = entry.as_mut_ptr();
    // SAFETY: `record` is valid for writes of a `Record<N>`, and `caplen` is at most `N`.
    let copied = unsafe {
        (&raw mut (*record).header).write(*header);
        let data = (&raw mut (*record).data).cast();
        caplen == 0
            || short::copy::<N>(ctx, from, data, caplen)
            || copy_by_helper::<A, N>(ctx, from, data, caplen)
    };
    if copied {
        entry.submit(0);
        Ok(())
    } else {
        entry.discard(0);
        Err(Lost::CopyFailed)
    }
}

/// Copies `len` bytes, at least one, with bounds that the verifier of every kernel can follow.
///
/// # Safety
///
/// As [`Access::copy`], and `to` is writable for `N` bytes.
#[inline(always)]
unsafe fn copy_by_helper<A: Access, const N: usize>(
    ctx: &XdpContext,
    from: u32,
    to: *mut u8,
    len: usize,
) -> bool {
    // `max` instead of a comparison with zero, from which older kernels learn nothing.
    let len = opaque(len).max(1);
    // SAFETY: the caller's.
    at_most(len, N).is_some_and(|len| unsafe { A::copy(ctx, from, to, len as u32) })
}
