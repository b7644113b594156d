//! Values that the compiler knows nothing of, and the verifier all that was checked.

use core::arch::asm;

/// `value` if it is `most` or less, in a register of which the verifier knows that.
///
/// To the compiler this is a value of its own: it would else check another register than is used,
/// drop a check of what it knows and the verifier has seen of another register, or make one
/// comparison, of a difference, of two.
#[inline(always)]
pub fn at_most(value: usize, most: usize) -> Option<usize> {
    let value = opaque(value);
    if value > most { None } else { Some(value) }
}

/// The same for `least` or more.
#[inline(always)]
pub fn at_least(value: usize, least: usize) -> Option<usize> {
    let value = opaque(value);
    if value < least { None } else { Some(value) }
}

/// The same value, of which the compiler does not know how it came about.
///
/// Unlike `black_box`, this does not go by the stack, where older kernels forget the bounds.
#[inline(always)]
pub fn opaque(mut value: usize) -> usize {
    // An instruction, though an idle one, because the kernel refuses line information of none.
    // SAFETY: changes nothing.
    unsafe { asm!("{0} += 0", inout(reg) value, options(pure, nomem, nostack)) };
    value
}

/// The same place, of whose contents the compiler knows nothing: it must not take the values that
/// are compiled in for the ones at run time.
#[inline(always)]
pub fn unknown<T>(place: &'static T) -> &'static T {
    // SAFETY: the same address.
    unsafe { &*(opaque(&raw const *place as usize) as *const T) }
}
