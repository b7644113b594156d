//! Frames that hold several datagrams.
//!
//! A kernel or a network card may merge several UDP datagrams of a flow into one frame (GSO and
//! GRO). The lengths in the outer IP and UDP headers then cover all of them, and the payloads
//! follow one another without headers in between. All payloads have the same length, except that
//! the last may be shorter.

use crate::{tunnel::vxlan, wire::ethernet};

/// The payload length of each datagram in a frame, if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Segment(u64);

impl Segment {
    /// It is not known whether the frame holds one datagram or several.
    pub const UNKNOWN: Self = Self(0);
    /// The frame holds exactly one datagram.
    pub const WHOLE: Self = Self(u64::MAX);
    /// The fewest payload bytes that a further datagram in the frame is expected to have: a VXLAN
    /// header and an Ethernet header. Fewer bytes after the first packet are padding.
    pub const LEAST: u32 = vxlan::LEN + ethernet::HEADER_LEN;

    /// Each datagram has `len` bytes of payload. Zero means [`Segment::UNKNOWN`].
    #[inline(always)]
    #[must_use]
    pub const fn of(len: u32) -> Self {
        Self(len as u64)
    }

    /// The payload length of each datagram. Zero for `UNKNOWN`, and `u32::MAX` for `WHOLE`.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0 as u32
    }

    /// The number of datagrams in a frame with `payload_len` bytes of UDP payload. One for
    /// `UNKNOWN`.
    #[inline(always)]
    #[must_use]
    pub const fn datagrams(self, payload_len: u32) -> u64 {
        if self.divides(payload_len) { (payload_len as u64).div_ceil(self.0) } else { 1 }
    }

    /// Whether a frame with `payload_len` bytes of UDP payload is known to hold several datagrams.
    #[inline(always)]
    pub(crate) const fn divides(self, payload_len: u32) -> bool {
        self.0 != Self::UNKNOWN.0 && payload_len as u64 > self.0
    }

    /// Whether a frame may hold several datagrams, although nothing is known about them. Its UDP
    /// payload is between `payload` and `payload_end`. The first packet in it says that it ends at
    /// `first_end`, or that is zero if the packet gives no length.
    ///
    /// The frame holds a single datagram if the first packet fills the payload, or if there is no
    /// room for a second one. A packet that is longer than the payload does not prove that: a tap
    /// may have truncated it, and other datagrams may follow. (If what follows is as long as what
    /// the tap removed, the packet fills the payload by coincidence, and this is wrong.)
    #[inline(always)]
    pub(crate) const fn may_divide(self, payload: u32, first_end: u32, payload_end: u32) -> bool {
        let fills = first_end <= payload_end && first_end + Self::LEAST > payload_end;
        self.0 == Self::UNKNOWN.0 && payload_end - payload >= 2 * Self::LEAST && !fills
    }
}
