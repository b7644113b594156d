//! What the user selected, and whether a packet is part of it.
//!
//! A [`Selection`] is read-only data of the XDP program and is set before the program is loaded. The
//! verifier then knows every length in it and removes the code of criteria that are not in use.
//!
//! A comparison yields a number that is zero where the packet fits. Such numbers are combined without
//! branches, because the verifier follows both ways of a branch and remembers what each says about
//! the packet.

mod cidr;
mod decide;
mod range;
mod rules;
mod selection;

pub use self::{
    cidr::Cidr,
    decide::{Choice, PacketKeys, decide},
    range::{List, Range},
    rules::{MAX_RULES, Rule, Rules},
    selection::{MAX_TAP_PORTS, MAX_VALUES, Selection, TapPort},
};
