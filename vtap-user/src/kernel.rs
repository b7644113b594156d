//! The kernel side as user space sees it: loaded, attached, read, detached.
//!
//! A session makes its [`Rings`] once. [`Tap`] is one generation of the program that writes to
//! them, and [`Attached`] the generation that runs; another can take its place.

mod attach;
mod bpf;
mod clock;
mod explain;
mod generation;
mod load;
mod messages;
mod quiesce;
mod rings;
pub(crate) mod verdict;

pub use attach::{Attached, LinkState, attach, check_free, too_large};
pub use generation::Tap;
pub use load::{Program, TapSettings, load, load_program};
pub use quiesce::wait_for_running_programs;
pub use rings::Rings;
