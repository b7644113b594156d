//! The most common form of a frame: Ethernet, IPv4, UDP, VXLAN, Ethernet, IPv4, and TCP or UDP,
//! without VLAN tags or IP options. The outer frame is neither truncated nor padded.
//!
//! In such a frame, every header has a fixed offset. So one check of the length covers all headers,
//! except for the part of a TCP header after [`HEADERS`]. [`Frame::FAST_PATH`] says what the parser
//! does differently.

use network_types::{eth::EthHdr, ip::Ipv4Hdr, udp::UdpHdr, vxlan::VxlanHdr};

use crate::wire::{Frame, Header};

/// Offset of the outer UDP header.
pub const DATAGRAM: u32 = (EthHdr::LEN + Ipv4Hdr::LEN) as u32;

/// Offset at which the inner UDP header ends. A TCP header in its place is longer, and the part of
/// it after this offset needs a length check of its own.
pub const HEADERS: usize = 2 * (DATAGRAM as usize + UdpHdr::LEN) + VxlanHdr::LEN;

/// A frame in ordinary memory whose length fits the most common form. With it, user space (a test,
/// for example) can run the fast path of the XDP program.
pub struct FastFrame<'a>(&'a [u8]);

impl<'a> FastFrame<'a> {
    /// Returns `None` unless the frame holds all headers and ends where the UDP header at
    /// [`DATAGRAM`] says.
    #[must_use]
    pub fn new(frame: &'a [u8]) -> Option<Self> {
        let end = DATAGRAM + u32::from(frame.header::<UdpHdr>(DATAGRAM)?.len());
        (end as usize >= HEADERS && end == Frame::len(&frame)).then_some(Self(frame))
    }
}

impl Frame for FastFrame<'_> {
    type Ref<'a, T: Header + 'a>
        = &'a T
    where
        Self: 'a;

    const FAST_PATH: bool = true;

    fn len(&self) -> u32 {
        Frame::len(&self.0)
    }

    fn header<T: Header>(&self, offset: u32) -> Option<&T> {
        self.0.header(offset)
    }
}
