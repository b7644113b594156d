//! The maps. `bpftool map` shows them by the names here.

use core::cell::Cell;

use aya_ebpf::{
    btf_maps::{ArrayOfMaps, PerCpuArray, RingBuf},
    macros::{btf_map, map},
    maps::Array,
};
use vtap_common::{
    abi::{ClockReading, Counters, CpuState, MAX_RINGS, Segment, SkbLayout},
    wire::{HeaderBytes, Slots},
};

#[btf_map]
static VTAP_STATE: PerCpuArray<CpuState, 1> = PerCpuArray::new();

/// The layout of socket buffers. User space fills this before it attaches `vtap_segment`.
///
/// This is the only map without BTF. It needs none, because user space knows the types of its key
/// and value from `vtap_common`.
#[map]
static VTAP_SKB: Array<SkbLayout> = Array::with_max_entries(1, 0);

/// One ring per CPU, so that no two CPUs share a lock. User space makes the rings.
#[btf_map]
static VTAP_RINGS: ArrayOfMaps<Ring, MAX_RINGS> = ArrayOfMaps::new();

/// A ring of records. The size here is a placeholder. Since Linux 5.10, the rings in an array of
/// maps may have another size, and user space chooses it. The placeholder must be a power of two
/// and a multiple of the page size, which is at most 64 KiB. The element type is not used either:
/// records are reserved with `reserve_untyped`.
pub type Ring = RingBuf<u64, 65_536>;

/// This CPU's [`CpuState`], as references to its parts.
pub struct State<'a> {
    pub counters: &'a mut Counters,
    pub scratch: Scratch<'a>,
    pub clock: &'a mut ClockReading,
    pub polls: Polls,
    pub segment: &'a mut Segment,
}

/// Space for the packet that is being examined.
#[derive(Clone, Copy)]
pub struct Scratch<'a> {
    /// Where values are laundered; see `Frame::launder_for_verifier`.
    pub slots: &'a Cell<Slots>,
    /// Where a header is copied to, if the frame has several buffers.
    pub header: &'a Cell<HeaderBytes>,
}

impl Scratch<'_> {
    /// # Safety
    ///
    /// `state` is valid, and no exclusive reference to these parts of it exists.
    #[inline(always)]
    unsafe fn of(state: *mut CpuState) -> Self {
        // SAFETY: a `Cell` has the layout of its content. The caller promises the rest.
        unsafe {
            Self {
                slots: &*(&raw mut (*state).slots).cast(),
                header: &*(&raw mut (*state).header).cast(),
            }
        }
    }
}

/// This CPU's scratch space, for a global function. Such a function cannot get it as an argument.
#[inline(always)]
pub fn scratch<'a>() -> Option<Scratch<'a>> {
    // SAFETY: the pointer is into the map, and nothing makes exclusive references to these parts.
    VTAP_STATE.get_ptr_mut(0).map(|state| unsafe { Scratch::of(state) })
}

/// This CPU's state.
///
/// # Safety
///
/// This must be called at most once during a run of the XDP program, because it returns exclusive
/// references.
#[inline(always)]
pub unsafe fn state<'a>() -> Option<State<'a>> {
    let state = VTAP_STATE.get_ptr_mut(0)?;
    // SAFETY: each CPU has its own value, and no other program accesses these fields during a run:
    //
    // - XDP programs do not interleave on a CPU. (`CpuState` describes the one exception. Then the
    //   values may be wrong, but every value is valid, and the verifier checks every access.)
    // - `vtap_poll` can interrupt this program, but it accesses only `polls`, to which there is
    //   only a raw pointer.
    // - `vtap_segment` runs before this program and in the same context, so it cannot interrupt it.
    //
    // The references are to different fields.
    unsafe {
        Some(State {
            counters: &mut (*state).counters,
            scratch: Scratch::of(state),
            clock: &mut (*state).clock,
            polls: Polls(&raw mut (*state).polls),
            segment: &mut (*state).segment,
        })
    }
}

/// A pointer to this CPU's counter of NAPI polls.
#[derive(Clone, Copy)]
pub struct Polls(*mut u64);

/// The same as [`State::polls`], for `vtap_poll`, which must not make references to the state.
#[inline(always)]
pub fn polls() -> Option<Polls> {
    // SAFETY: `state` points to a `CpuState` in the map.
    VTAP_STATE.get_ptr_mut(0).map(|state| Polls(unsafe { &raw mut (*state).polls }))
}

impl Polls {
    /// The number of polls that have ended.
    #[inline(always)]
    pub fn ended(self) -> u64 {
        // SAFETY: a `Polls` is only ever made from a pointer into the map.
        unsafe { self.0.read_volatile() }
    }

    /// Counts a poll that has ended.
    #[inline(always)]
    pub fn end_one(self) {
        // SAFETY: as above.
        unsafe { self.0.write_volatile(self.ended() + 1) };
    }
}

/// A pointer to [`CpuState::segment`] of this CPU.
#[inline(always)]
pub fn segment() -> Option<*mut Segment> {
    // SAFETY: `state` points to a `CpuState` in the map.
    VTAP_STATE.get_ptr_mut(0).map(|state| unsafe { &raw mut (*state).segment })
}

/// The layout of socket buffers in the running kernel.
#[inline(always)]
pub fn skb_layout() -> Option<&'static SkbLayout> {
    VTAP_SKB.get(0)
}

/// This CPU's ring.
#[inline(always)]
pub fn ring(cpu: u32) -> Option<&'static Ring> {
    VTAP_RINGS.get(cpu)
}
