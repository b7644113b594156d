//! Access to packet memory, in the two ways that kernels offer.

mod fast;

use core::{arch::asm, cell::Cell, ops::Deref};

use aya_ebpf::{
    bindings::bpf_func_id::BPF_FUNC_xdp_get_buff_len,
    helpers::generated::{bpf_probe_read_kernel, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use vtap_common::{
    Outcome, Segment,
    abi::MAX_CAPLEN,
    examine, examine_fast,
    wire::{Frame, Header, HeaderBytes, MAX_HEADER_OFFSET, Slot, Slots},
};

use self::fast::FastFrame;
use super::{
    maps::State,
    opaque::{at_most, opaque},
    settings::{layer, selection},
};

/// How a kernel gives access to a frame.
pub trait Access {
    /// Examines the frame and counts the outcome. `segment` is what is known of the datagrams in it.
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome;

    /// Bytes of the frame in all its pieces.
    fn len(ctx: &XdpContext) -> u32;

    /// Copies `len` bytes from `offset` of the frame to `to`; false where the kernel refuses.
    ///
    /// # Safety
    ///
    /// `to` is writable for `len` bytes.
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool;
}

/// Frames in one piece or in fragments: kernels from 5.18.
pub struct WholeBuffer;

impl Access for WholeBuffer {
    #[inline(always)]
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome {
        let State { counters, slots, header, .. } = state;
        let fast = FastFrame::new(ctx, || Self::len(ctx));
        // Not a closure: the compiler may not inline it, its types then are in the object's BTF, and
        // the kernel refuses them.
        if let Some(fast) = fast
            && let Some(outcome) = examine_fast(&fast, segment, selection(), counters)
        {
            return outcome;
        }
        let ctx = &anew(ctx);
        let linear = InOnePiece::new(ctx, slots);
        let len = Self::len(ctx);
        if len == linear.len() {
            examine(&linear, layer(), segment, selection(), counters)
        } else {
            let fragments = InFragments { ctx, len, slots, bytes: header };
            examine(&fragments, layer(), segment, selection(), counters)
        }
    }

    #[inline(always)]
    fn len(ctx: &XdpContext) -> u32 {
        whole_len(ctx)
    }

    /// A long frame is copied in two pieces, because the helper refuses an offset or a length above
    /// 65,535 (`bpf_xdp_pointer` in `net/core/filter.c`).
    #[inline(always)]
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool {
        const HALF: u32 = 0x8000;
        const { assert!(MAX_HEADER_OFFSET + HALF <= 0xffff && MAX_CAPLEN <= HALF + 0xffff) };
        let load = |offset, to: *mut u8, len| {
            // SAFETY: the caller's; the helper itself checks offset and length against the frame.
            unsafe { bpf_xdp_load_bytes(ctx.ctx, offset, to.cast(), len) == 0 }
        };
        if len <= HALF {
            return load(offset, to, len);
        }
        // SAFETY: within `len` bytes.
        let rest = unsafe { to.add(HALF as usize) };
        load(offset, to, HALF) && load(offset + HALF, rest, len - HALF)
    }
}

/// The same frame, of which the compiler must load the bounds again. Otherwise it would keep them in
/// registers all along the fast path, which does not need them.
#[inline(always)]
fn anew(ctx: &XdpContext) -> XdpContext {
    XdpContext::new(opaque(ctx.ctx as usize) as *mut _)
}

/// Bytes of the frame in all its pieces.
///
/// This calls the helper in assembly, to tell the compiler that the call changes nothing. What was
/// read of the frame before then stays valid.
#[inline(always)]
fn whole_len(ctx: &XdpContext) -> u32 {
    let len: u64;
    // SAFETY: a query on a valid context, by the calling convention of helpers.
    unsafe {
        asm!(
            "call {helper}",
            helper = const BPF_FUNC_xdp_get_buff_len,
            inout("r1") ctx.ctx => _,
            out("r0") len,
            out("r2") _,
            out("r3") _,
            out("r4") _,
            out("r5") _,
            options(pure, readonly, nostack),
        );
    }
    len as u32
}

/// Frames in one piece: kernels from 5.10.
pub struct Linear;

impl Access for Linear {
    #[inline(always)]
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome {
        let State { counters, slots, .. } = state;
        let fast = FastFrame::new(ctx, || Self::len(ctx));
        // Not a closure, as above.
        if let Some(fast) = fast
            && let Some(outcome) = examine_fast(&fast, segment, selection(), counters)
        {
            return outcome;
        }
        let linear = InOnePiece::new(&anew(ctx), slots);
        examine(&linear, layer(), segment, selection(), counters)
    }

    #[inline(always)]
    fn len(ctx: &XdpContext) -> u32 {
        (ctx.data_end() - ctx.data()) as u32
    }

    #[inline(always)]
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool {
        if offset > MAX_HEADER_OFFSET {
            return false;
        }
        // Before 5.18 no helper copies out of an XDP frame, and the verifier takes no loop of loads
        // over a length that it does not know. But a helper reads kernel memory, where the frame
        // lies. It would read beyond the frame too, so this is the one check of the length.
        let frame_len = ctx.data_end() - ctx.data();
        if offset as usize + len as usize > frame_len {
            return false;
        }
        let from = ctx.data() + offset as usize;
        // SAFETY: `to` is the caller's, and the source lies within the frame.
        unsafe { bpf_probe_read_kernel(to.cast(), len, from as *const _) == 0 }
    }
}

/// A frame between `data` and `data_end`.
struct InOnePiece<'a> {
    data: usize,
    data_end: usize,
    slots: &'a Cell<Slots>,
}

impl<'a> InOnePiece<'a> {
    #[inline(always)]
    fn new(ctx: &XdpContext, slots: &'a Cell<Slots>) -> Self {
        Self { data: ctx.data(), data_end: ctx.data_end(), slots }
    }
}

impl Frame for InOnePiece<'_> {
    type Ref<'a, T: Header + 'a>
        = &'a T
    where
        Self: 'a;

    #[inline(always)]
    fn len(&self) -> u32 {
        (self.data_end - self.data) as u32
    }

    #[inline(always)]
    fn header<T: Header>(&self, offset: u32) -> Option<&T> {
        let start = self.data + at_most(offset as usize, MAX_HEADER_OFFSET as usize)?;
        // For a single byte, the compiler would check `start >= data_end` instead, from which the
        // verifier learns nothing. `opaque` keeps the check as it is written.
        if opaque(start + size_of::<T>()) > self.data_end {
            return None;
        }
        // SAFETY: within the frame, as just checked; `Header` promises the rest.
        Some(unsafe { &*(start as *const T) })
    }

    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        launder(self.slots, slot, value)
    }
}

/// A frame in fragments. Only a helper reaches all its bytes.
struct InFragments<'a> {
    ctx: &'a XdpContext,
    len: u32,
    slots: &'a Cell<Slots>,
    bytes: &'a Cell<HeaderBytes>,
}

impl Frame for InFragments<'_> {
    type Ref<'a, T: Header + 'a>
        = Loaded<T>
    where
        Self: 'a;

    #[inline(always)]
    fn len(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    fn header<T: Header>(&self, offset: u32) -> Option<Loaded<T>> {
        if offset > MAX_HEADER_OFFSET {
            return None;
        }
        const { assert!(T::LEN as usize <= size_of::<HeaderBytes>()) };
        // The bytes go into the map, because the verifier wants every access to the stack aligned.
        let bytes = self.bytes.as_ptr();
        // SAFETY: `bytes` has room for `T::LEN` bytes, as just asserted.
        let result = unsafe { bpf_xdp_load_bytes(self.ctx.ctx, offset, bytes.cast(), T::LEN) };
        // SAFETY: the helper has filled it, and `Header` promises that any bytes are a value.
        (result == 0).then(|| Loaded(unsafe { bytes.cast::<T>().read_unaligned() }))
    }

    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        launder(self.slots, slot, value)
    }
}

/// A header that was copied out of a frame. The verifier wants every access to the stack aligned. The
/// fields of a header are aligned relative to its start, so it is enough to align the start.
#[repr(C, align(8))]
struct Loaded<T>(T);

impl<T> Deref for Loaded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Stores `value` to a map and loads it back. The verifier knows nothing of what a map holds.
#[inline(always)]
fn launder(slots: &Cell<Slots>, slot: Slot, value: u64) -> u64 {
    // SAFETY: there is a place for each slot.
    unsafe {
        let place = slots.as_ptr().cast::<u64>().add(slot as usize);
        place.write_volatile(value);
        place.read_volatile()
    }
}
