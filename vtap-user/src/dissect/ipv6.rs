//! IPv6 (RFC 8200).

use etherparse::Ipv6HeaderSlice;

use super::{Input, Kind, View, extension};

/// An IPv6 packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6<'a> {
    header: Result<Ipv6HeaderSlice<'a>, Flaw>,
    input: Input<'a>,
}

/// Why a header can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is cut.
    Cut,
    /// Its version is wrong.
    BadHeader,
}

impl<'a> Ipv6<'a> {
    /// Bytes of the fixed header.
    const LEN: usize = 40;

    /// The fixed header.
    pub const fn header(&self) -> Result<&Ipv6HeaderSlice<'a>, Flaw> {
        match &self.header {
            Ok(header) => Ok(header),
            Err(flaw) => Err(*flaw),
        }
    }

    /// Bytes behind the fixed header, as it states. A super-frame states none; its length on the wire
    /// counts.
    #[must_use]
    pub fn payload_len(&self) -> u32 {
        match self.header.map(|header| header.payload_length()) {
            Ok(stated @ 1..) => u32::from(stated),
            _ => self.input.len.saturating_sub(Self::LEN as u32),
        }
    }

    /// How many bytes of the packet were not on the wire.
    #[must_use]
    pub fn missing(&self) -> u32 {
        (self.payload_len() + Self::LEN as u32).saturating_sub(self.input.len)
    }
}

impl<'a> View<'a> for Ipv6<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        let header = match Ipv6HeaderSlice::from_slice(input.bytes) {
            Ok(header) => Ok(header),
            Err(_) if input.bytes.len() < Self::LEN => Err(Flaw::Cut),
            Err(_) => Err(Flaw::BadHeader),
        };
        Self { header, input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        let header = self.header.ok()?;
        let len = self.payload_len();
        let end = self.input.bytes.len().min(len as usize + Self::LEN);
        let bytes = self.input.bytes.get(Self::LEN..end).unwrap_or_default();
        Some((extension::kind(header.next_header()), Input { bytes, len }))
    }
}
