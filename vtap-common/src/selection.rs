//! What the user selects, laid out for the kernel.
//!
//! It is read-only data of the XDP program, set before the program is loaded: the verifier then
//! knows every length in here and removes the code of criteria that are not in use.

use crate::{address::Cidr, tunnel::Encapsulation, wire::Protocol};

/// Values that one flag takes at most.
pub const MAX_VALUES: usize = 64;
/// Tap ports at most.
pub const MAX_TAP_PORTS: usize = 16;
/// Rules at most.
pub const MAX_RULES: usize = 128;

/// Up to `N` alternatives.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct List<T, const N: usize> {
    len: u64,
    items: [T; N],
}

impl<T: Copy, const N: usize> List<T, N> {
    /// A list of nothing; `filler` takes the unused places.
    #[must_use]
    pub const fn empty(filler: T) -> Self {
        Self {
            len: 0,
            items: [filler; N],
        }
    }

    /// Adds an alternative, or gives it back where the list is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        let Some(place) = self.items.get_mut(self.len as usize) else {
            return Err(item);
        };
        *place = item;
        self.len += 1;
        Ok(())
    }

    /// How many there are.
    #[inline(always)]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is none.
    #[inline(always)]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The alternative at a place.
    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        if index as u64 >= self.len {
            None
        } else {
            self.items.get(index)
        }
    }

    /// The first that fits.
    #[inline(always)]
    pub(crate) fn find(&self, fits: impl Fn(&T) -> bool) -> Option<&T> {
        for index in 0..N {
            let item = self.get(index)?;
            if fits(item) {
                return Some(item);
            }
        }
        None
    }

    /// Whether any fits, or there is none to fit.
    #[inline(always)]
    pub(crate) fn allows(&self, fits: impl Fn(&T) -> bool) -> bool {
        self.is_empty() || self.find(fits).is_some()
    }
}

/// `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Range {
    /// The least value.
    pub first: u32,
    /// The greatest value.
    pub last: u32,
}

impl Range {
    /// Contains no 16- or 24-bit value.
    pub const NONE: Self = Self {
        first: u32::MAX,
        last: u32::MAX,
    };

    /// Whether `value` lies within.
    #[inline(always)]
    #[must_use]
    pub const fn contains(&self, value: u32) -> bool {
        // One comparison instead of two: below `first` the difference wraps around.
        value.wrapping_sub(self.first) <= self.last.wrapping_sub(self.first)
    }
}

/// A UDP port at which mirrored traffic arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct TapPort {
    /// The port.
    pub port: u32,
    /// How its datagrams are read.
    pub encapsulation: Encapsulation,
}

/// One `--rule`: all criteria that are present must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Rule {
    /// Inner source prefix.
    pub src: Cidr,
    /// Inner destination prefix.
    pub dst: Cidr,
    /// Inner source port.
    pub src_port: Range,
    /// Inner destination port.
    pub dst_port: Range,
    /// Network identifier.
    pub vni: Range,
    /// Inner protocol.
    pub protocol: Protocol,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u32,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u32,
    /// Which of the criteria are present: bits of [`criteria`].
    pub criteria: u32,
    /// Whether a packet that the rule decides is captured (1) or not (0).
    pub include: u32,
    /// Zero.
    pub _pad: u32,
}

/// The bits of [`Rule::criteria`].
pub mod criteria {
    /// [`Rule::src`](super::Rule::src).
    pub const SRC: u32 = 1 << 0;
    /// [`Rule::dst`](super::Rule::dst).
    pub const DST: u32 = 1 << 1;
    /// [`Rule::src_port`](super::Rule::src_port).
    pub const SRC_PORT: u32 = 1 << 2;
    /// [`Rule::dst_port`](super::Rule::dst_port).
    pub const DST_PORT: u32 = 1 << 3;
    /// [`Rule::vni`](super::Rule::vni).
    pub const VNI: u32 = 1 << 4;
    /// [`Rule::protocol`](super::Rule::protocol).
    pub const PROTOCOL: u32 = 1 << 5;
    /// [`Rule::icmp_type`](super::Rule::icmp_type).
    pub const ICMP_TYPE: u32 = 1 << 6;
    /// [`Rule::icmp_code`](super::Rule::icmp_code).
    pub const ICMP_CODE: u32 = 1 << 7;
}

impl Rule {
    /// A rule without criteria: it decides every packet.
    #[must_use]
    pub const fn any(include: bool) -> Self {
        Self {
            src: Cidr::NONE,
            dst: Cidr::NONE,
            src_port: Range::NONE,
            dst_port: Range::NONE,
            vni: Range::NONE,
            protocol: Protocol::NONE,
            icmp_type: u32::MAX,
            icmp_code: u32::MAX,
            criteria: 0,
            include: include as u32,
            _pad: 0,
        }
    }
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
    /// Inner protocol.
    pub protocol: List<Protocol, MAX_VALUES>,
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
    pub rules: List<Rule, MAX_RULES>,
}

impl Selection {
    /// Selects everything, once a tap port is added.
    pub const ANY: Self = Self {
        tap_ports: List::empty(TapPort {
            port: u32::MAX,
            encapsulation: Encapsulation::Vxlan,
        }),
        vni: List::empty(Range::NONE),
        outer_src: List::empty(Cidr::NONE),
        outer_dst: List::empty(Cidr::NONE),
        protocol: List::empty(Protocol::NONE),
        src_port: List::empty(Range::NONE),
        dst_port: List::empty(Range::NONE),
        port: List::empty(Range::NONE),
        src: List::empty(Cidr::NONE),
        dst: List::empty(Cidr::NONE),
        net: List::empty(Cidr::NONE),
        rules: List::empty(Rule::any(false)),
    };
}
