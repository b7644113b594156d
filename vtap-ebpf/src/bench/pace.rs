//! Waits until a frame is due, so that a long test run keeps a rate.

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
/// The most by which sending may be late and catch up again (1 ms). Catching up with more would be a
/// burst at full speed.
const ARREARS: u64 = 1_000_000 << FRACTION_BITS;
/// The most readings of the clock per wait, some 25 ns each. The verifier wants a bound.
const SPINS: u32 = 4096;

/// Waits. False if the frame is still not due after [`SPINS`] readings.
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
