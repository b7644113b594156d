//! The kernel side as user space sees it: loaded, attached, read, detached.

mod attach;
mod explain;
mod load;
mod quiesce;

pub use attach::{Attached, attach};
pub use load::{Tap, TapSettings, load};
pub use quiesce::wait_for_running_programs;
