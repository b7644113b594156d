//! Where packets come from: the kernel's rings, or a capture file. Both make the same
//! [`Packet`](crate::packet::Packet).

pub mod file;
pub(crate) mod frames;
pub mod live;
