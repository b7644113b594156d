//! The maps, by the names that `bpftool map` shows.

use aya_ebpf::{
    btf_maps::{ArrayOfMaps, PerCpuArray, RingBuf},
    macros::btf_map,
};
use vtap_common::abi::{CpuState, MAX_RINGS};

#[btf_map]
static VTAP_STATE: PerCpuArray<CpuState, 1> = PerCpuArray::new();

/// One ring per CPU, so that no two CPUs share a lock. User space makes the rings.
#[btf_map]
static VTAP_RINGS: ArrayOfMaps<Ring, MAX_RINGS> = ArrayOfMaps::new();

/// A ring of records; its size here is but the least that every kernel accepts, as pages are of up
/// to 64 kB.
pub type Ring = RingBuf<u64, 65_536>;

/// This CPU's state.
#[inline(always)]
pub fn state() -> Option<&'static mut CpuState> {
    // SAFETY: the value is this CPU's own, and of what runs on that besides, only `vtap_poll` knows
    // it, which touches nothing but its count, by volatile accesses.
    VTAP_STATE.get_ptr_mut(0).map(|state| unsafe { &mut *state })
}

/// Where this CPU's polls are counted.
#[inline(always)]
pub fn polls() -> Option<*mut u64> {
    // SAFETY: a place within the value.
    VTAP_STATE.get_ptr_mut(0).map(|state| unsafe { &raw mut (*state).clock.polls })
}

/// This CPU's ring.
#[inline(always)]
pub fn ring(cpu: u32) -> Option<&'static Ring> {
    VTAP_RINGS.get(cpu)
}
