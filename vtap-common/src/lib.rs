//! Code that the XDP program and user space share.
//!
//! A *tap* is a device that mirrors traffic. It wraps each packet in VXLAN and sends it to a UDP
//! port of this host, a *tap port*. What arrives is the *outer* frame. The mirrored packet in it is
//! the *inner* packet, which the tap may have truncated.
//!
//! The modules, lowest layer first. Each uses only the ones listed before it (and the macro in
//! `reasons`):
//!
//! - [`wire`]: the bytes of a frame, one file per protocol header;
//! - [`tunnel`]: the headers of a tunnel (VXLAN);
//! - [`select`]: what the user selected, and the decision on a packet;
//! - [`abi`]: what crosses between kernel and user space (records, settings, counters).
//!
//! The other modules combine these, in the order in which a packet is processed. [`outer`] parses
//! the frame up to a UDP datagram for a tap port, [`inner`] parses the mirrored packet, and
//! [`examine`] runs all of it. The XDP program calls it on packet memory, and the reader of capture
//! files calls it on a slice; [`wire::Frame`] hides the difference. [`examine_fast`] does the same
//! for frames of the most common form, which [`fast_path`] describes.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod abi;
mod examine;
pub mod fast_path;
pub mod inner;
pub mod outer;
mod reasons;
pub mod select;
pub mod tunnel;
pub mod wire;

pub use self::examine::{
    Matched, Outcome, count_no_datagram, examine, examine_datagram, examine_fast,
};
