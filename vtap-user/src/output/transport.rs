//! What bytes are written to: one file per kind.

pub mod named_pipe;
pub mod target;
