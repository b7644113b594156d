//! The selection as a whole: flags and rules.

use super::{criteria::Flags, range::List, rules::Rules};
use crate::tunnel::Encapsulation;

/// Tap ports at most.
pub const MAX_TAP_PORTS: usize = 16;

/// A UDP port at which mirrored traffic arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TapPort {
    /// The port.
    pub port: u32,
    /// How its datagrams are read.
    pub encapsulation: Encapsulation,
}

/// Everything that decides whether a packet is captured. An empty list is no constraint.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Selection {
    /// Where mirrored traffic arrives.
    pub tap_ports: List<TapPort, MAX_TAP_PORTS>,
    /// The flags.
    pub flags: Flags,
    /// Ordered; the first that matches decides.
    pub rules: Rules,
}

impl Selection {
    /// Selects everything, once a tap port is added.
    pub const ANY: Self = Self {
        tap_ports: List::empty(TapPort { port: u32::MAX, encapsulation: Encapsulation::Vxlan }),
        flags: Flags::ANY,
        rules: Rules::NONE,
    };
}
