//! IGMP (RFC 9776).

use std::net::Ipv4Addr;

use super::{Input, Kind, View};

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Igmp<'a> {
    input: Input<'a>,
}

impl Igmp<'_> {
    /// Bytes of the message on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }

    /// Type.
    #[must_use]
    pub fn igmp_type(&self) -> Option<u8> {
        self.input.u8(0)
    }

    /// Group address, of all messages but version 3 reports.
    #[must_use]
    pub fn group(&self) -> Option<Ipv4Addr> {
        self.input.u32(4).map(Ipv4Addr::from_bits)
    }

    /// The version of a query, which its length tells (section 7.1).
    #[must_use]
    pub const fn query_version(&self) -> u32 {
        if self.input.len >= 12 { 3 } else { 2 }
    }

    /// Group records of a version 3 report.
    #[must_use]
    pub fn group_records(&self) -> Option<u16> {
        self.input.u16(6)
    }
}

impl<'a> View<'a> for Igmp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
