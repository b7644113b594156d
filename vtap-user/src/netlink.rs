//! What the kernel says of this network namespace's interfaces, over netlink.
//!
//! Messages are read as bytes, and of their attributes only those that vtap needs: whatever else an
//! attribute holds can't keep vtap from seeing an interface. The kernel accepts names, alternative
//! names and aliases that are not UTF-8.
//!
//! [`request`] asks (lists, single answers, changes), [`watch`] listens, [`message`] and
//! [`attribute`] know the bytes, and [`interface`] what vtap learns of an interface.

pub mod attribute;
pub mod interface;
pub mod message;
pub mod name;
pub mod request;
mod socket;
pub mod watch;

pub use self::{
    interface::{Interface, interfaces},
    name::Name,
    watch::{Change, Watch},
};
