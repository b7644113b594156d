//! vtap's user side: loads the XDP program, drains its rings, shows, writes and counts packets.
//!
//! Before a capture, [`netlink`] and [`device`] tell what there is to know of its interface.
//!
//! The path of a packet: [`kernel`] loads and attaches the program, [`source`] takes packets from its
//! rings or from a file, [`session`] counts them and hands them to the outputs, and [`output`] shows
//! or writes them.

#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod say;

mod cancel;
pub mod cli;
mod cpus;
pub mod device;
mod dissect;
mod escape;
pub mod kernel;
pub mod netlink;
mod output;
mod packet;
pub mod plan;
mod render;
pub mod session;
mod signals;
pub mod source;
pub mod standard;
mod timestamp;
