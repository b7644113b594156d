//! ICMP (RFC 792).

use std::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;

use super::{Input, Kind, View};

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Icmp<'a> {
    input: Input<'a>,
}

impl<'a> Icmp<'a> {
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

    /// Identifier, of messages that have one.
    #[must_use]
    pub fn identifier(&self) -> Option<u16> {
        self.input.u16(4)
    }

    /// Sequence number, of messages that have one.
    #[must_use]
    pub fn sequence_number(&self) -> Option<u16> {
        self.input.u16(6)
    }

    /// Pointer, of a parameter problem.
    #[must_use]
    pub fn pointer(&self) -> Option<u8> {
        self.input.u8(4)
    }

    /// MTU of the next hop (RFC 1191 section 4).
    #[must_use]
    pub fn next_hop_mtu(&self) -> Option<u16> {
        self.input.u16(6)
    }

    /// Gateway, of a redirect.
    #[must_use]
    pub fn gateway(&self) -> Option<Ipv4Addr> {
        self.input.u32(4).map(Ipv4Addr::from_bits)
    }

    /// Address mask (RFC 950).
    #[must_use]
    pub fn address_mask(&self) -> Option<u32> {
        self.input.u32(8)
    }

    /// The header of the packet that an error is about.
    #[must_use]
    pub fn original(&self) -> Option<Ipv4HeaderSlice<'a>> {
        Ipv4HeaderSlice::from_slice(self.input.bytes.get(Self::LEN..)?).ok()
    }

    /// The destination port of that packet.
    #[must_use]
    pub fn original_destination_port(&self) -> Option<u16> {
        self.input.u16(Self::LEN + self.original()?.slice().len() + 2)
    }
}

impl<'a> View<'a> for Icmp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
