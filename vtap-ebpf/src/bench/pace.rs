//! Waits until a frame is due, so that the generator sends at a given rate.

use core::hint::black_box;

use aya_ebpf::{btf_maps::PerCpuArray, helpers::bpf_ktime_get_ns, macros::btf_map};

/// Time between frames, in 1/256 ns. Zero sends as fast as possible.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.bench")]
static GAP: u64 = 0;

/// When the next frame is due, in 1/256 ns of `CLOCK_MONOTONIC`.
#[btf_map]
static DUE: PerCpuArray<u64, 1> = PerCpuArray::new();

const FRACTION_BITS: u32 = 8;
/// If the generator is late, it catches up by sending without pauses. It catches up at most 1 ms,
/// so that a long delay does not cause a long burst.
const ARREARS: u64 = 1_000_000 << FRACTION_BITS;
/// The most readings of the clock in one wait. Each takes some 25 ns. The verifier requires a
/// limit.
const SPINS: u32 = 4096;

/// Waits until the next frame is due. Returns false if it is still not due after [`SPINS`] readings
/// of the clock.
#[inline(always)]
pub fn wait() -> bool {
    let gap = *black_box(&GAP);
    if gap == 0 {
        return true;
    }
    let Some(due) = DUE.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: this CPU's own value.
    let due = unsafe { &mut *due };
    for _ in 0..SPINS {
        // SAFETY: no preconditions.
        let now = unsafe { bpf_ktime_get_ns() } << FRACTION_BITS;
        if now >= *due {
            let earliest = now - ARREARS;
            *due = gap + if *due < earliest { earliest } else { *due };
            return true;
        }
    }
    false
}
