//! ICMPv6 (RFC 4443), neighbor discovery (RFC 4861), multicast listeners (RFC 3810).

use std::net::Ipv6Addr;

use etherparse::Ipv6HeaderSlice;

use super::{Input, Kind, View};

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Icmp6<'a> {
    input: Input<'a>,
}

impl<'a> Icmp6<'a> {
    /// Bytes of the header.
    const LEN: usize = 8;

    /// Bytes of the message on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }

    /// Type.
    #[must_use]
    pub fn icmp_type(&self) -> Option<u8> {
        self.input.u8(0)
    }

    /// Code.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        self.input.u8(1)
    }

    /// Identifier, of an echo.
    #[must_use]
    pub fn identifier(&self) -> Option<u16> {
        self.input.u16(4)
    }

    /// Sequence number, of an echo.
    #[must_use]
    pub fn sequence_number(&self) -> Option<u16> {
        self.input.u16(6)
    }

    /// MTU, of a message that a packet is too big.
    #[must_use]
    pub fn mtu(&self) -> Option<u32> {
        self.input.u32(4)
    }

    /// Pointer, of a parameter problem.
    #[must_use]
    pub fn pointer(&self) -> Option<u32> {
        self.input.u32(4)
    }

    /// Target of a neighbor solicitation, advertisement or redirect; multicast address of a query.
    #[must_use]
    pub fn target(&self) -> Option<Ipv6Addr> {
        self.address(Self::LEN)
    }

    /// Destination, of a redirect.
    #[must_use]
    pub fn redirected(&self) -> Option<Ipv6Addr> {
        self.address(Self::LEN + 16)
    }

    /// The version of a multicast listener query, which its length tells (RFC 3810 section 8.1).
    #[must_use]
    pub const fn query_version(&self) -> u32 {
        if self.input.len >= 28 { 2 } else { 1 }
    }

    /// Group records of a multicast listener report.
    #[must_use]
    pub fn group_records(&self) -> Option<u16> {
        self.input.u16(6)
    }

    /// The header of the packet that an error is about.
    #[must_use]
    pub fn original(&self) -> Option<Ipv6HeaderSlice<'a>> {
        Ipv6HeaderSlice::from_slice(self.input.bytes.get(Self::LEN..)?).ok()
    }

    /// Destination of that packet, though its header be wrong.
    #[must_use]
    pub fn original_destination(&self) -> Option<Ipv6Addr> {
        self.address(Self::LEN + 24)
    }

    /// The destination port of that packet, if it has no extension headers.
    #[must_use]
    pub fn original_destination_port(&self) -> Option<u16> {
        self.input.u16(Self::LEN + 40 + 2)
    }

    fn address(&self, at: usize) -> Option<Ipv6Addr> {
        self.input.array::<16>(at).map(Ipv6Addr::from)
    }
}

impl<'a> View<'a> for Icmp6<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
