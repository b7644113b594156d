//! How many datagrams a frame holds.
//!
//! A kernel or a card may put several UDP datagrams of one flow into one frame (generic segmentation
//! and receive offload). Outer IP and UDP header then state the length of all of them, and the payloads
//! follow each other. They are of one length, but the last, which may be shorter.

use crate::{Matched, tunnel::vxlan, wire::ethernet};

/// Bytes of payload of each datagram in a frame, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Segment(u64);

impl Segment {
    /// Nothing is known: there may be several datagrams.
    pub const UNKNOWN: Self = Self(0);
    /// The frame holds one datagram.
    pub const WHOLE: Self = Self(u64::MAX);
    /// A further datagram takes so many bytes at least.
    pub const LEAST: u32 = vxlan::LEN + ethernet::HEADER_LEN;

    /// So many bytes each; `UNKNOWN` for zero.
    #[inline(always)]
    #[must_use]
    pub const fn of(len: u32) -> Self {
        Self(len as u64)
    }

    /// Bytes of each; zero if that is unknown.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0 as u32
    }

    /// How many datagrams a frame holds with `payload_len` bytes of UDP payload; one if that is unknown.
    #[inline(always)]
    #[must_use]
    pub const fn datagrams(self, payload_len: u32) -> u64 {
        if self.divides(payload_len) { (payload_len as u64).div_ceil(self.0) } else { 1 }
    }

    /// Whether such a frame is known to hold several.
    #[inline(always)]
    pub(crate) const fn divides(self, payload_len: u32) -> bool {
        self.0 != Self::UNKNOWN.0 && payload_len as u64 > self.0
    }

    /// Whether a frame may hold several, seen that this is the first packet in it.
    #[inline(always)]
    pub(crate) const fn may_divide(self, first: &Matched) -> bool {
        let Matched { datagram, inner, .. } = first;
        self.0 == Self::UNKNOWN.0 && inner.wire_end + Self::LEAST <= datagram.wire_end
    }
}
