//! vtap's user side: loads the XDP program, drains its rings, shows, writes and counts packets.
//!
//! The path of a packet is the order of these modules: [`kernel`] loads and attaches, [`ring`] and
//! [`drain`] take records out, [`capture`] hands them on, [`account`] counts them and [`output`]
//! shows or writes them.

#![warn(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod say;

mod account;
pub mod capture;
pub mod cli;
mod clock;
pub mod drain;
pub mod kernel;
mod named_pipe;
pub mod netlink;
mod output;
mod packet;
pub mod ring;
mod show;
mod signals;
mod verdict;
