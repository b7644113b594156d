//! The way of one output, with a thread of its own.

pub mod records;
pub mod writer;
