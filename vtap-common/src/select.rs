//! The user's selection, and the decision whether a packet belongs to it.
//!
//! A [`Selection`] is in the XDP program's read-only data, which user space fills before it loads
//! the program. So the verifier knows all values in it, such as the length of each list, and
//! removes the code for criteria that are not in use.
//!
//! A comparison returns a number, a *mismatch*, which is zero if the packet fits. A comparison that
//! has several parts combines their mismatches by arithmetic and not by branches. The verifier
//! would follow both sides of every branch with a different state, and the number of states would
//! multiply.

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
