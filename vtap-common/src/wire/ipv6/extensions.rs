//! IPv6 extension headers (RFC 8200 section 4; authentication header: RFC 4302).

use network_types::ip::IpProto;

use crate::wire::{
    frame::{Bounded, Frame},
    network::{Fragment, Protocol},
};

/// The most extension headers that are followed. If each kind occurs once, and the destination
/// options twice (RFC 8200 section 4.1), there are seven.
pub const MAX_EXTENSIONS: u32 = 8;

const MORE_FRAGMENTS: u16 = 0x0001_u16.to_be();
const FRAGMENT_OFFSET: u16 = 0xfff8_u16.to_be();

/// What follows the extension headers of a packet.
///
/// This is packed into one number, because the kernel side computes it in a function that the
/// verifier checks separately, and such a function can return only a number.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Extensions(u64);

impl Extensions {
    const PROTOCOL: u32 = 32;
    const FRAGMENT: u32 = 48;
    const DAMAGED: u64 = 1 << 63;

    /// Unpacks what [`Extensions::number`] returned.
    #[inline(always)]
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The packed form, which a BPF function can return.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// Offset of the header after the extension headers. If an extension header is damaged, the
    /// offset of that one.
    #[inline(always)]
    #[must_use]
    pub const fn payload(self) -> u32 {
        self.0 as u32
    }

    /// The protocol of the header after the extension headers. [`Protocol::OTHER`] if an extension
    /// header is damaged.
    #[inline(always)]
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        Protocol((self.0 >> Self::PROTOCOL) as u32 & 0xffff)
    }

    /// What the fragment header says, if there is one.
    #[inline(always)]
    #[must_use]
    pub const fn fragment(self) -> Fragment {
        Fragment((self.0 >> Self::FRAGMENT) as u32 & 0xff)
    }

    /// Whether an extension header is truncated or extends past the end of the packet, or there are
    /// too many.
    #[inline(always)]
    #[must_use]
    pub const fn damaged(self) -> bool {
        self.0 & Self::DAMAGED != 0
    }

    #[inline(always)]
    fn new(payload: u32, protocol: Protocol, fragment: Fragment) -> Self {
        let protocol = u64::from(protocol.0) << Self::PROTOCOL;
        Self(u64::from(payload) | protocol | u64::from(fragment.0) << Self::FRAGMENT)
    }

    /// The extension header at `payload` is damaged.
    #[inline(always)]
    #[must_use]
    pub fn damaged_at(payload: u32) -> Self {
        Self(Self::new(payload, Protocol::OTHER, Fragment::NO).0 | Self::DAMAGED)
    }
}

/// Follows the extension headers of a packet that ends at `end`. The first header is at offset
/// `payload` and is of the kind `protocol`.
#[inline(always)]
pub fn follow<F: Frame>(frame: &F, payload: u32, protocol: Protocol, end: u32) -> Extensions {
    let frame = &Bounded::new(frame, end);
    let (mut payload, mut protocol) = (payload, protocol);
    let mut more_fragments = 0;
    for _ in 0..MAX_EXTENSIONS {
        if !is_extension(protocol) {
            break;
        }
        let Some(header) = frame.header::<[u8; 8]>(payload) else {
            return Extensions::damaged_at(payload);
        };
        let [next, len, frag_high, frag_low, ..] = *header;
        let kind = u64::from(protocol.0);
        let frags = u64::from(u16::from_ne_bytes([frag_high, frag_low])) * equal(kind, FRAGMENT);
        let after = payload + extension_len(kind, u64::from(len)) as u32;
        if after > end {
            return Extensions::damaged_at(payload);
        }
        (payload, protocol) = (after, Protocol(u32::from(next)));
        if frags & u64::from(FRAGMENT_OFFSET) != 0 {
            return Extensions::new(payload, protocol, Fragment::LATER);
        }
        more_fragments |= frags & u64::from(MORE_FRAGMENTS);
    }
    if is_extension(protocol) {
        return Extensions::damaged_at(payload);
    }
    let fragment = if more_fragments == 0 { Fragment::NO } else { Fragment::FIRST };
    Extensions::new(payload, protocol, fragment)
}

const HOP_BY_HOP: u64 = IpProto::HopOpt as u64;
const ROUTING: u64 = IpProto::Ipv6Route as u64;
const FRAGMENT: u64 = IpProto::Ipv6Frag as u64;
const AUTHENTICATION: u64 = IpProto::Ah as u64;
const DESTINATION_OPTIONS: u64 = IpProto::Ipv6Opts as u64;
const MOBILITY: u64 = IpProto::MobilityHeader as u64;

// The functions below use arithmetic instead of branches on the kind of header. The verifier would
// follow both sides of each branch, in each of the `MAX_EXTENSIONS` iterations.

/// Whether `protocol` is an extension header that is followed.
#[inline(always)]
#[must_use]
pub fn is_extension(protocol: Protocol) -> bool {
    let kind = u64::from(protocol.0);
    equal(kind, HOP_BY_HOP)
        | equal(kind, ROUTING)
        | equal(kind, FRAGMENT)
        | equal(kind, AUTHENTICATION)
        | equal(kind, DESTINATION_OPTIONS)
        | equal(kind, MOBILITY)
        != 0
}

/// Length in bytes of an extension header whose length field is `len`. The field counts units of
/// 8 bytes (4 in the authentication header) and leaves out the first 8 bytes. The fragment header
/// has no such field and is 8 bytes long.
#[inline(always)]
#[must_use]
pub const fn extension_len(kind: u64, len: u64) -> u64 {
    let unit = 8 - 4 * equal(kind, AUTHENTICATION) - 8 * equal(kind, FRAGMENT);
    8 + len * unit
}

/// Returns one if the two are equal, else zero. Both must be less than 2^63.
#[inline(always)]
const fn equal(a: u64, b: u64) -> u64 {
    (a ^ b).wrapping_sub(1) >> 63
}
