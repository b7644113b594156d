//! Which of the shared types cross between user space and the kernel as plain bytes.

use super::{
    settings::{KernelSettings, SkbLayout},
    state::CpuState,
};
use crate::select::Selection;

// SAFETY: `repr(C)`, integers only, no implicit padding, any bit pattern is a value.
unsafe impl aya::Pod for CpuState {}
// SAFETY: `repr(C)`, made of integers and of enums with a `repr(u32)`, without implicit padding. An
// enum is not valid for every bit pattern, but user space only ever writes a `Selection` and never
// reads one back from the kernel.
unsafe impl aya::Pod for Selection {}
// SAFETY: `repr(C)`, integers only, no padding.
unsafe impl aya::Pod for KernelSettings {}
// SAFETY: `repr(C)`, integers only, no padding.
unsafe impl aya::Pod for SkbLayout {}
