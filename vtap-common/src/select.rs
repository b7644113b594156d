//! What the user selected, and whether a packet is part of it.
//!
//! A [`Selection`] is read-only data of the XDP program and is set before the program is loaded. The
//! verifier then knows every length in it and removes the code of criteria that are not in use.
//!
//! A comparison yields a number that is zero where the packet fits. Such numbers are combined without
//! branches, because the verifier follows both ways of a branch and remembers what each says about
//! the packet.

mod cidr;
mod criteria;
mod decide;
mod intervals;
mod kind;
mod range;
mod rules;
mod selection;

pub use self::{
    cidr::Cidr,
    criteria::{CRITERIA, Criterion, Flags, MAX_VALUES, PacketKeys, Rule, Syntax, TooManyValues},
    decide::{Choice, decide},
    kind::{Kind, Number, Pair, Prefix, Wanted},
    range::{List, Range},
    rules::{MAX_RULES, Rules},
    selection::{MAX_TAP_PORTS, Selection, TapPort},
};
