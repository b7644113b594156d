//! The kernel side as user space sees it: loaded, attached, read, detached.
//!
//! A session makes its [`Rings`] once. [`Tap`] is one generation of the program that writes to
//! them, and [`Attached`] the generation that runs; another can take its place. [`Keeper`] looks
//! after it: while it runs, somebody may detach it, and the verdict may have to change.

mod attach;
mod bpf;
mod clock;
mod explain;
mod generation;
mod keeper;
mod load;
mod messages;
mod quiesce;
mod rings;
mod segments;
pub(crate) mod verdict;

pub use attach::{Attached, LinkState, attach, check_free, too_large};
pub use explain::too_many_files;
pub use generation::Tap;
pub use keeper::Keeper;
pub use load::{Program, TapSettings, load, load_program};
pub use quiesce::wait_for_running_programs;
pub use rings::Rings;
