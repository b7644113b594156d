//! The generator. User space starts it through `BPF_PROG_TEST_RUN` with a frame, and the program
//! sends this frame to an interface again and again.

use core::hint::black_box;

use aya_ebpf::{
    bindings::{
        TC_ACT_OK,
        xdp_action::{XDP_ABORTED, XDP_DROP},
    },
    btf_maps::PerCpuArray,
    helpers::generated::{
        bpf_redirect, bpf_skb_change_tail, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len,
    },
    macros::{btf_map, classifier, xdp},
    programs::{TcContext, XdpContext},
};

use crate::{
    pace,
    shape::{COPIES, FIELDS, FIRST_PORT, MIX, SOURCE_PORT, Shape},
};

/// The interface that frames are sent into.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.bench")]
static IFINDEX: u32 = 0;

/// One less than the number of flows, which must be a power of two and at most 16,384.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.bench")]
static FLOW_MASK: u32 = 0;

/// The length of every frame. Zero means that the frames have the lengths in [`SHAPES`].
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.bench")]
static FRAME_LEN: u32 = 0;

/// The frames of the mix, which are sent in turn.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.bench")]
static SHAPES: [Shape; MIX] = [Shape { len: 0, fields: [0; FIELDS.len()] }; MIX];

/// The number of frames that this CPU has tried to send.
#[btf_map]
static SENT: PerCpuArray<u64, 1> = PerCpuArray::new();

/// Sends frames that fit into a page.
#[xdp]
pub fn generate(ctx: XdpContext) -> u32 {
    if !pace::wait() {
        return XDP_DROP;
    }
    send(&ctx).unwrap_or(XDP_ABORTED)
}

#[inline(always)]
fn send(ctx: &XdpContext) -> Option<u32> {
    // SAFETY: each CPU has its own value, and the generator does not interrupt itself.
    let sent = unsafe { &mut *SENT.get_ptr_mut(0)? };
    if *black_box(&FRAME_LEN) == 0 {
        // The verifier derives no bound from `%`, so it needs the bounds check in `get`. Without
        // `black_box`, the compiler would remove this check, because it can prove the bound.
        let place = black_box((*sent % MIX as u64) as usize);
        shape(ctx, black_box(&SHAPES).get(place)?)?;
    }
    let flow = (*sent as u32 & *black_box(&FLOW_MASK)) as u16;
    set(ctx, SOURCE_PORT, (FIRST_PORT + flow).to_be())?;
    *sent += 1;
    // SAFETY: no preconditions.
    Some(unsafe { bpf_redirect(*black_box(&IFINDEX), 0) } as u32)
}

/// Gives the frame the length and the fields of `shape`. The kernel restores each frame to the
/// length of the longest in the mix before it runs the program, so this only shortens it.
#[inline(always)]
fn shape(ctx: &XdpContext, shape: &Shape) -> Option<()> {
    // SAFETY: a plain query on a valid context.
    let len = unsafe { bpf_xdp_get_buff_len(ctx.ctx) } as i32;
    // SAFETY: a valid context; the helper checks the length.
    if unsafe { bpf_xdp_adjust_tail(ctx.ctx, i32::from(shape.len) - len) } != 0 {
        return None;
    }
    for (offset, value) in FIELDS.iter().zip(shape.fields) {
        set(ctx, *offset, value)?;
    }
    Some(())
}

#[inline(always)]
fn set(ctx: &XdpContext, offset: usize, value: u16) -> Option<()> {
    let start = ctx.data() + offset;
    if start + size_of::<u16>() > ctx.data_end() {
        return None;
    }
    // SAFETY: within the frame, as just checked.
    unsafe { (start as *mut u16).write_unaligned(value) };
    Some(())
}

/// Sends frames that do not fit into a page. A test run of an XDP program with live frames is
/// limited to a page, so this is a TC program, which sends clones of a socket buffer.
#[classifier]
pub fn generate_large(ctx: TcContext) -> i32 {
    let len = *black_box(&FRAME_LEN);
    // SAFETY: a valid context; the helper checks the length.
    if ctx.len() != len && unsafe { bpf_skb_change_tail(ctx.skb.skb, len, 0) } != 0 {
        return TC_ACT_OK;
    }
    for _ in 0..COPIES {
        if pace::wait() {
            let _ = ctx.clone_redirect(*black_box(&IFINDEX), 0);
            if let Some(sent) = SENT.get_ptr_mut(0) {
                // SAFETY: this CPU's own value.
                unsafe { *sent += 1 };
            }
        }
    }
    TC_ACT_OK
}
