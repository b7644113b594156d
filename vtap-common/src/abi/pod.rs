//! Which of the shared types cross between user space and the kernel as plain bytes.

use super::{
    settings::{KernelSettings, SkbLayout},
    state::CpuState,
};
use crate::select::Selection;

// SAFETY: `repr(C)`, integers only, no implicit padding, any bit pattern is a value.
unsafe impl aya::Pod for CpuState {}
// SAFETY: `repr(C)`, integers only, padding spelled out; only ever written by user space.
unsafe impl aya::Pod for Selection {}
// SAFETY: `repr(C)`, integers only, no padding.
unsafe impl aya::Pod for KernelSettings {}
// SAFETY: `repr(C)`, integers only, no padding.
unsafe impl aya::Pod for SkbLayout {}
