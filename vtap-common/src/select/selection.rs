//! The selection as a whole: flags and rules.

use super::{
    cidr::Cidr,
    range::{List, Range},
    rules::Rules,
};
use crate::tunnel::Encapsulation;

/// Values that one flag takes at most.
pub const MAX_VALUES: usize = 64;
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
    /// Network identifiers.
    pub vni: List<Range, MAX_VALUES>,
    /// The tunnel's source.
    pub outer_src: List<Cidr, MAX_VALUES>,
    /// The tunnel's destination.
    pub outer_dst: List<Cidr, MAX_VALUES>,
    /// Inner [`Protocol`](crate::wire::Protocol).
    pub protocol: List<Range, MAX_VALUES>,
    /// Inner source port.
    pub src_port: List<Range, MAX_VALUES>,
    /// Inner destination port.
    pub dst_port: List<Range, MAX_VALUES>,
    /// Either inner port.
    pub port: List<Range, MAX_VALUES>,
    /// Inner source address.
    pub src: List<Cidr, MAX_VALUES>,
    /// Inner destination address.
    pub dst: List<Cidr, MAX_VALUES>,
    /// Either inner address.
    pub net: List<Cidr, MAX_VALUES>,
    /// Ordered; the first that matches decides.
    pub rules: Rules,
}

impl Selection {
    /// Selects everything, once a tap port is added.
    pub const ANY: Self = Self {
        tap_ports: List::empty(TapPort { port: u32::MAX, encapsulation: Encapsulation::Vxlan }),
        vni: List::empty(Range::ANY),
        outer_src: List::empty(Cidr::ANY),
        outer_dst: List::empty(Cidr::ANY),
        protocol: List::empty(Range::ANY),
        src_port: List::empty(Range::ANY),
        dst_port: List::empty(Range::ANY),
        port: List::empty(Range::ANY),
        src: List::empty(Cidr::ANY),
        dst: List::empty(Cidr::ANY),
        net: List::empty(Cidr::ANY),
        rules: Rules::NONE,
    };
}
