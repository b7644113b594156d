//! The form that most frames have: Ethernet, IPv4, UDP, VXLAN, Ethernet, IPv4, and TCP or UDP,
//! without VLAN tags or IP options, and neither cut nor padded.
//!
//! Every header of such a frame has a fixed offset. The kernel side checks the length once and then
//! reads all of them without a further check; see [`Frame::FAST_PATH`].

use network_types::{eth::EthHdr, ip::Ipv4Hdr, udp::UdpHdr, vxlan::VxlanHdr};

use crate::wire::{Frame, Header};

/// Offset of the outer UDP header.
pub const DATAGRAM: u32 = (EthHdr::LEN + Ipv4Hdr::LEN) as u32;

/// Offset at which the inner UDP header ends. Of a TCP header, more is read.
pub const HEADERS: usize = 2 * (DATAGRAM as usize + UdpHdr::LEN) + VxlanHdr::LEN;

/// A frame in ordinary memory that may have the usual form: what the kernel side examines first.
pub struct FastFrame<'a>(&'a [u8]);

impl<'a> FastFrame<'a> {
    /// The frame, if its length is what the UDP header at [`DATAGRAM`] says.
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
