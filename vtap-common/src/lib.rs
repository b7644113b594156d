//! What the two sides of vtap share.
//!
//! From the bottom up; each folder uses only those above it in this list:
//!
//! - [`wire`]: the bytes of a frame, one file per protocol header;
//! - [`tunnel`]: the headers of a tunnel (VXLAN);
//! - [`select`]: what the user selected, and the decision on a packet;
//! - [`abi`]: what crosses between kernel and user space (records, settings, counters).
//!
//! The files beside them put these together, in the order of a packet's way: [`outer`] goes from the
//! frame down to a UDP datagram to a tap port, [`inner`] through the mirrored packet, and [`examine`]
//! runs all of it. The XDP program and the reader of capture files call that one function, over
//! different kinds of [`wire::Frame`].
#![cfg_attr(not(feature = "std"), no_std)]

pub mod abi;
mod examine;
pub mod fast_path;
pub mod inner;
pub mod outer;
mod reasons;
mod segment;
pub mod select;
pub mod tunnel;
pub mod wire;

pub use self::{
    examine::{Matched, Outcome, count_no_datagram, examine, examine_datagram, examine_fast},
    segment::Segment,
};
