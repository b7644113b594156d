//! Ways to hide from the compiler what it knows about a value, so that it keeps the checks that the
//! verifier needs.
//!
//! The verifier tracks bounds per register. The compiler knows more about values than that. It may
//! remove a check whose result it can prove, check a copy of the value in another register than the
//! one that is used later, or merge two comparisons into one of a difference. The verifier then
//! finds no bound for the register and rejects the program.

use core::arch::asm;

/// Returns `value` if it is at most `most`. The compiler cannot remove this check, and it is made
/// on the same register that is returned.
#[inline(always)]
pub fn at_most(value: usize, most: usize) -> Option<usize> {
    let value = opaque(value);
    if value > most { None } else { Some(value) }
}

/// Returns `value` if it is at least `least`. The check is kept as in [`at_most`].
#[inline(always)]
pub fn at_least(value: usize, least: usize) -> Option<usize> {
    let value = opaque(value);
    if value < least { None } else { Some(value) }
}

/// Returns the same value, about which the compiler then knows nothing.
///
/// `black_box` would do that by a store to the stack, but older verifiers lose the bounds of a
/// value that is stored there.
#[inline(always)]
pub fn opaque(mut value: usize) -> usize {
    // The assembly cannot be empty. The compiler would still emit line information for it, and the
    // kernel rejects line information without an instruction.
    // SAFETY: adding zero changes nothing, and the only register is declared as an operand.
    unsafe { asm!("{0} += 0", inout(reg) value, options(pure, nomem, nostack)) };
    value
}

/// Returns the same reference, but the compiler knows nothing about its target. This is needed for
/// read-only data: user space writes it before loading the program, so the compiler must not use
/// the initial values in the source.
#[inline(always)]
pub fn unknown<T>(place: &'static T) -> &'static T {
    // SAFETY: this is the address of `place`. The cast to `usize` exposes its provenance.
    unsafe { &*(opaque(&raw const *place as usize) as *const T) }
}
