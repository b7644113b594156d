//! The kernel side as user space sees it: loaded, attached, read, detached.

mod attach;
mod explain;
mod load;
mod quiesce;
pub(crate) mod verdict;

pub use attach::{Attached, attach, check_free, too_large};
pub use load::{Program, Tap, TapSettings, load, load_program};
pub use quiesce::wait_for_running_programs;
