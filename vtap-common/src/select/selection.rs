//! The selection as a whole: flags and rules.

use super::{criteria::Flags, range::List, rules::Rules};
use crate::tunnel::Encapsulation;

/// The most tap ports there can be.
pub const MAX_TAP_PORTS: usize = 16;

/// A UDP port at which mirrored traffic arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TapPort {
    /// The port.
    pub port: u32,
    /// The encapsulation that is expected on this port.
    pub encapsulation: Encapsulation,
}

/// Everything that decides whether a packet is captured. Flags and rules that are not given are no
/// constraint, but there must be a tap port.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Selection {
    /// The ports at which mirrored traffic arrives.
    pub tap_ports: List<TapPort, MAX_TAP_PORTS>,
    /// The values of the command-line flags.
    pub flags: Flags,
    /// The rules. The first one that matches decides.
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
