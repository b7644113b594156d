//! The maps, by the names that `bpftool map` shows.

use core::cell::Cell;

use aya_ebpf::{
    btf_maps::{ArrayOfMaps, PerCpuArray, RingBuf},
    macros::{btf_map, map},
    maps::Array,
};
use vtap_common::{
    Segment,
    abi::{ClockReading, Counters, CpuState, MAX_RINGS, SkbLayout},
    wire::{HeaderBytes, Slots},
};

#[btf_map]
static VTAP_STATE: PerCpuArray<CpuState, 1> = PerCpuArray::new();

/// Filled by user space where `vtap_segment` is attached. Not a BTF map: of an array the kernel would
/// want the types as well, which the loader does not hand over.
#[map]
static VTAP_SKB: Array<SkbLayout> = Array::with_max_entries(1, 0);

/// One ring per CPU, so that no two CPUs share a lock. User space makes the rings.
#[btf_map]
static VTAP_RINGS: ArrayOfMaps<Ring, MAX_RINGS> = ArrayOfMaps::new();

/// A ring of records. User space chooses the real size; this one is the least that every kernel
/// accepts, as pages have up to 64 kB.
pub type Ring = RingBuf<u64, 65_536>;

/// This CPU's [`CpuState`], as references to its parts.
pub struct State<'a> {
    pub counters: &'a mut Counters,
    pub slots: &'a Cell<Slots>,
    pub header: &'a Cell<HeaderBytes>,
    pub clock: &'a mut ClockReading,
    pub polls: Polls,
    pub segment: &'a mut Segment,
}

/// This CPU's state.
///
/// # Safety
///
/// Called once in a run of the XDP program: the references are exclusive.
#[inline(always)]
pub unsafe fn state<'a>() -> Option<State<'a>> {
    let state = VTAP_STATE.get_ptr_mut(0)?;
    // SAFETY: the value is this CPU's own, and runs of the program do not overlap on a CPU (see
    // `CpuState`). `vtap_poll` may run meanwhile, but it only knows `polls`, of which no reference
    // is made; `vtap_segment` does not, as it runs in the same context as this program, before
    // it. The parts do not overlap.
    unsafe {
        Some(State {
            counters: &mut (*state).counters,
            slots: Cell::from_mut(&mut (*state).slots),
            header: Cell::from_mut(&mut (*state).header),
            clock: &mut (*state).clock,
            polls: Polls(&raw mut (*state).polls),
            segment: &mut (*state).segment,
        })
    }
}

/// Where this CPU's polls are counted.
#[derive(Clone, Copy)]
pub struct Polls(*mut u64);

/// The same as [`State::polls`], for the program that counts.
#[inline(always)]
pub fn polls() -> Option<Polls> {
    // SAFETY: a place within the value.
    VTAP_STATE.get_ptr_mut(0).map(|state| Polls(unsafe { &raw mut (*state).polls }))
}

impl Polls {
    /// How many have ended.
    #[inline(always)]
    pub fn ended(self) -> u64 {
        // SAFETY: made of a valid place.
        unsafe { self.0.read_volatile() }
    }

    /// Counts one more.
    #[inline(always)]
    pub fn end_one(self) {
        // SAFETY: as above.
        unsafe { self.0.write_volatile(self.ended() + 1) };
    }
}

/// What this CPU's next frame holds.
#[inline(always)]
pub fn segment() -> Option<*mut Segment> {
    // SAFETY: a place within the value.
    VTAP_STATE.get_ptr_mut(0).map(|state| unsafe { &raw mut (*state).segment })
}

/// Where the kernel keeps that.
#[inline(always)]
pub fn skb_layout() -> Option<&'static SkbLayout> {
    VTAP_SKB.get(0)
}

/// This CPU's ring.
#[inline(always)]
pub fn ring(cpu: u32) -> Option<&'static Ring> {
    VTAP_RINGS.get(cpu)
}
