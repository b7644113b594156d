//! Access to packet memory: [`WholeBuffer`] for Linux 5.18 and later, and [`Linear`] for older
//! kernels.

mod extensions;
mod fast;

use core::{arch::asm, marker::PhantomData, ops::Deref};

use aya_ebpf::{
    bindings::bpf_func_id::BPF_FUNC_xdp_get_buff_len,
    helpers::generated::{bpf_probe_read_kernel, bpf_xdp_load_bytes},
    programs::XdpContext,
};
use vtap_common::{
    Outcome,
    abi::{MAX_CAPLEN, Segment},
    examine, examine_fast,
    wire::{Frame, Header, HeaderBytes, MAX_HEADER_OFFSET, Protocol, Slot, ipv6::Extensions},
};

use self::fast::FastFrame;
use super::{
    maps::{Scratch, State},
    opaque::{at_most, opaque},
    settings::{layer, selection},
};

/// A way to access the frame that the XDP program is run on.
pub trait Access {
    /// Examines the frame and counts the outcome. `segment` is what is known about the datagrams in
    /// it.
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome;

    /// Length of the frame, over all its buffers.
    fn len(ctx: &XdpContext) -> u32;

    /// Follows the extension headers of an IPv6 packet; see [`extensions`].
    fn follow_extensions(
        ctx: &XdpContext,
        payload: u32,
        protocol: Protocol,
        end: u32,
    ) -> Extensions;

    /// Copies `len` bytes at `offset` of the frame to `to`. Returns false if that fails, for
    /// example because the frame is shorter.
    ///
    /// # Safety
    ///
    /// `to` is writable for `len` bytes.
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool;
}

/// Frames with one or several buffers. Needs Linux 5.18.
pub struct WholeBuffer;

impl Access for WholeBuffer {
    #[inline(always)]
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome {
        let State { counters, scratch, .. } = state;
        let fast = FastFrame::new(ctx, || Self::len(ctx));
        // `fast.and_then(|fast| ...)` would be shorter. But if the compiler does not inline the
        // closure, the types of its arguments appear in the object's BTF, and the kernel rejects
        // them.
        if let Some(fast) = fast
            && let Some(outcome) = examine_fast(&fast, segment, selection(), counters)
        {
            return outcome;
        }
        let ctx = &anew(ctx);
        let linear = InOnePiece::<Self>::new(ctx, *scratch);
        let len = Self::len(ctx);
        if len == linear.len() {
            examine(&linear, layer(), segment, selection(), counters)
        } else {
            let fragments = InFragments { ctx, len, scratch: *scratch };
            examine(&fragments, layer(), segment, selection(), counters)
        }
    }

    #[inline(always)]
    fn len(ctx: &XdpContext) -> u32 {
        whole_len(ctx)
    }

    #[inline(always)]
    fn follow_extensions(
        ctx: &XdpContext,
        payload: u32,
        protocol: Protocol,
        end: u32,
    ) -> Extensions {
        extensions::whole_buffer(ctx, payload, protocol, end)
    }

    /// A long packet is copied by two calls, because the helper rejects an offset or a length
    /// greater than 65,535 (`bpf_xdp_pointer` in `net/core/filter.c`).
    #[inline(always)]
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool {
        const HALF: u32 = 0x8000;
        const { assert!(MAX_HEADER_OFFSET + HALF <= 0xffff && MAX_CAPLEN <= HALF + 0xffff) };
        let load = |offset, to: *mut u8, len| {
            // SAFETY: the caller promises that `to` is writable for `len` bytes, and each call gets
            // a part of them. The helper checks offset and length against the frame.
            unsafe { bpf_xdp_load_bytes(ctx.ctx, offset, to.cast(), len) == 0 }
        };
        if len <= HALF {
            return load(offset, to, len);
        }
        // SAFETY: `len` is greater than `HALF`, so this is within the `len` bytes at `to`.
        let rest = unsafe { to.add(HALF as usize) };
        load(offset, to, HALF) && load(offset + HALF, rest, len - HALF)
    }
}

/// Returns the same context, but the compiler cannot know that it is the same. So the compiler
/// loads the bounds of the frame again for the slow path. Otherwise it would keep them in registers
/// throughout the fast path.
#[inline(always)]
fn anew(ctx: &XdpContext) -> XdpContext {
    XdpContext::new(opaque(ctx.ctx as usize) as *mut _)
}

/// Length of the frame, over all its buffers.
///
/// The helper is called from inline assembly, which tells the compiler that the call writes no
/// memory. So the compiler need not reload values that it has read from the frame before the call.
#[inline(always)]
fn whole_len(ctx: &XdpContext) -> u32 {
    let len: u64;
    // SAFETY: the context is valid, and the helper only reads. Like every helper, it takes its
    // argument in r1, returns in r0, and clobbers r1 to r5, which are all declared.
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

/// Frames with a single buffer. Needs Linux 5.10.
pub struct Linear;

impl Access for Linear {
    #[inline(always)]
    fn examine(ctx: &XdpContext, segment: Segment, state: &mut State<'_>) -> Outcome {
        let State { counters, scratch, .. } = state;
        let fast = FastFrame::new(ctx, || Self::len(ctx));
        // Not `and_then`, for the same reason as above.
        if let Some(fast) = fast
            && let Some(outcome) = examine_fast(&fast, segment, selection(), counters)
        {
            return outcome;
        }
        let ctx = &anew(ctx);
        let linear = InOnePiece::<Self>::new(ctx, *scratch);
        examine(&linear, layer(), segment, selection(), counters)
    }

    #[inline(always)]
    fn len(ctx: &XdpContext) -> u32 {
        (ctx.data_end() - ctx.data()) as u32
    }

    #[inline(always)]
    fn follow_extensions(
        ctx: &XdpContext,
        payload: u32,
        protocol: Protocol,
        end: u32,
    ) -> Extensions {
        extensions::linear(ctx, payload, protocol, end)
    }

    #[inline(always)]
    unsafe fn copy(ctx: &XdpContext, offset: u32, to: *mut u8, len: u32) -> bool {
        if offset > MAX_HEADER_OFFSET {
            return false;
        }
        // Before Linux 5.18 there is no helper to copy from an XDP frame to memory, and the
        // verifier rejects a loop of loads whose count it does not know. So this uses the helper
        // that reads any kernel memory. That helper knows nothing about frames. Only the following
        // check keeps the read within the frame.
        let frame_len = ctx.data_end() - ctx.data();
        if offset as usize + len as usize > frame_len {
            return false;
        }
        let from = ctx.data() + offset as usize;
        // SAFETY: the caller promises that `to` is writable for `len` bytes. The source is within
        // the frame, as just checked.
        unsafe { bpf_probe_read_kernel(to.cast(), len, from as *const _) == 0 }
    }
}

/// A frame between `data` and `data_end`.
struct InOnePiece<'a, A> {
    ctx: &'a XdpContext,
    data: usize,
    data_end: usize,
    scratch: Scratch<'a>,
    access: PhantomData<A>,
}

impl<'a, A: Access> InOnePiece<'a, A> {
    #[inline(always)]
    fn new(ctx: &'a XdpContext, scratch: Scratch<'a>) -> Self {
        Self { ctx, data: ctx.data(), data_end: ctx.data_end(), scratch, access: PhantomData }
    }
}

impl<A: Access> Frame for InOnePiece<'_, A> {
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
        // Without `opaque`, the compiler would turn this check for a single byte into
        // `start >= data_end`, and the verifier does not accept that as a check of the byte.
        if opaque(start + size_of::<T>()) > self.data_end {
            return None;
        }
        // SAFETY: within the frame, as just checked; `Header` promises the rest.
        Some(unsafe { &*(start as *const T) })
    }

    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        launder(self.scratch, slot, value)
    }

    #[inline(always)]
    fn follow_extensions(&self, payload: u32, protocol: Protocol, end: u32) -> Extensions {
        A::follow_extensions(self.ctx, payload, protocol, end)
    }
}

/// A frame with several buffers. Only a helper can read beyond the first of them.
struct InFragments<'a> {
    ctx: &'a XdpContext,
    len: u32,
    scratch: Scratch<'a>,
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
        // The helper copies to a map and not to the stack. On the stack, the verifier requires
        // every access to be aligned, even one to a field inside the header.
        let bytes = self.scratch.header.as_ptr();
        // SAFETY: `bytes` has room for `T::LEN` bytes, as just asserted.
        let result = unsafe { bpf_xdp_load_bytes(self.ctx.ctx, offset, bytes.cast(), T::LEN) };
        // SAFETY: the helper has written `T::LEN` bytes, and any bytes are a valid `T` (see
        // `Header`).
        (result == 0).then(|| Loaded(unsafe { bytes.cast::<T>().read_unaligned() }))
    }

    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        launder(self.scratch, slot, value)
    }

    #[inline(always)]
    fn follow_extensions(&self, payload: u32, protocol: Protocol, end: u32) -> Extensions {
        WholeBuffer::follow_extensions(self.ctx, payload, protocol, end)
    }
}

/// A header that was copied from a frame to the stack, where the verifier requires aligned
/// accesses. The start is aligned, so a field is aligned if it is aligned within its header. (That
/// is not the case for the addresses in an ARP packet.)
#[repr(C, align(8))]
struct Loaded<T>(T);

impl<T> Deref for Loaded<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

/// Writes `value` to a map and reads it back. The verifier does not track the contents of maps.
#[inline(always)]
fn launder(scratch: Scratch<'_>, slot: Slot, value: u64) -> u64 {
    // SAFETY: `Slots` has an element for each variant of `Slot`.
    unsafe {
        let place = scratch.slots.as_ptr().cast::<u64>().add(slot as usize);
        place.write_volatile(value);
        place.read_volatile()
    }
}
