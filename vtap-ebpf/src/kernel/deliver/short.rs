//! Copies short packets with loads and stores.
//!
//! A call of a helper costs some 25 ns before the first byte is copied. That is a sixth of what a
//! small packet costs in all. Moving 128 bytes takes 5 ns.

use aya_ebpf::programs::XdpContext;
use vtap_common::{abi::class_below, wire::MAX_HEADER_OFFSET};

use crate::kernel::opaque::{at_least, at_most, opaque};

/// The largest class that is copied this way.
const LONGEST: usize = 256;
const MAX_OFFSET: usize = MAX_HEADER_OFFSET as usize;
const WORD: usize = size_of::<u64>();

/// Copies `len` bytes from `offset` of a frame to `to`, a record of the class of `N` bytes. It copies
/// two blocks of constant size, the first and the last bytes, which overlap unless `len` is `N`.
///
/// False if nothing was copied: the class is too large, `len` is less than a block, or these bytes of
/// the frame are not all in the first piece.
///
/// # Safety
///
/// `to` is writable for `N` bytes, and `len` is at most `N`.
#[inline(always)]
pub unsafe fn copy<const N: usize>(ctx: &XdpContext, offset: u32, to: *mut u8, len: usize) -> bool {
    let (head, tail) = const { blocks(N) };
    if N > LONGEST {
        return false;
    }
    let bounds =
        || Some((at_most(at_least(len, head)?, N)?, at_most(offset as usize, MAX_OFFSET)?));
    let Some((len, offset)) = bounds() else { return false };
    let rest = len - tail;
    let first = ctx.data() + offset;
    let last = opaque(first + rest);
    if first + head > ctx.data_end() || last + tail > ctx.data_end() {
        return false;
    }
    // SAFETY: both blocks lie in the frame, as just checked, and in the `len` bytes of `to`.
    unsafe {
        words(first as *const u64, to.cast(), head / WORD);
        words(last as *const u64, to.add(rest).cast(), tail / WORD);
    }
    true
}

/// The sizes of the two blocks of a class. A packet of this class is longer than the class below, so
/// the first block can have that size.
const fn blocks(class: usize) -> (usize, usize) {
    let below = class_below(class as u32) as usize;
    let head = if below == 0 { class / 2 } else { below };
    (head, class - head)
}

/// Copies `count` words. Every caller gives a constant.
///
/// This is no loop, because the compiler would turn a loop into a copy of single bytes, as it does not
/// know their alignment.
#[inline(always)]
unsafe fn words(from: *const u64, to: *mut u64, count: usize) {
    macro_rules! each {
        ($($index:literal)+) => {
            const { assert!([$($index),+].len() * WORD >= LONGEST - WORD * 8) };
            $(if $index < count {
                // SAFETY: the caller's.
                unsafe { to.add($index).write_unaligned(from.add($index).read_unaligned()) };
            })+
        };
    }
    each!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23);
}
