//! What netlink can't do with an interface.

mod driver;
mod promiscuous;

pub use self::{driver::driver, promiscuous::Promiscuous};
