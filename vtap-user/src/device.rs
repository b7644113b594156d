//! What concerns one interface and is not netlink's: its driver, how its frames begin, promiscuous
//! mode.

mod driver;
mod link_layer;
mod promiscuous;

pub use self::{driver::driver, link_layer::link_layer, promiscuous::Promiscuous};
