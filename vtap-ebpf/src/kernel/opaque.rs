//! Values of which the compiler knows nothing, while the verifier knows all that was checked.
//!
//! The verifier follows single registers. The compiler, which knows more, may drop a check that it can
//! prove, check another register than the one that is used, or merge two comparisons into one of a
//! difference. The verifier then misses the bound and refuses the program.

use core::arch::asm;

/// `value` if it is at most `most`. The check stays in the program, on the register that is returned.
#[inline(always)]
pub fn at_most(value: usize, most: usize) -> Option<usize> {
    let value = opaque(value);
    if value > most { None } else { Some(value) }
}

/// `value` if it is at least `least`.
#[inline(always)]
pub fn at_least(value: usize, least: usize) -> Option<usize> {
    let value = opaque(value);
    if value < least { None } else { Some(value) }
}

/// The same value, without what the compiler knows of it.
///
/// `black_box` would store it to the stack, where older kernels forget its bounds.
#[inline(always)]
pub fn opaque(mut value: usize) -> usize {
    // There must be an instruction, even if it does nothing: the kernel refuses line information that
    // belongs to none.
    // SAFETY: changes nothing.
    unsafe { asm!("{0} += 0", inout(reg) value, options(pure, nomem, nostack)) };
    value
}

/// The same place, without what the compiler knows of its contents. User space sets other values than
/// those that are compiled in.
#[inline(always)]
pub fn unknown<T>(place: &'static T) -> &'static T {
    // SAFETY: the same address.
    unsafe { &*(opaque(&raw const *place as usize) as *const T) }
}
