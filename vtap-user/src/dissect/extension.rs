//! IPv6 extension headers (RFC 8200 section 4; authentication header: RFC 4302).
//!
//! Which headers there are and how long each is, `vtap_common` defines for the kernel as well.

use etherparse::IpNumber;
use vtap_common::wire::{Protocol, ipv6};

use super::{Input, Kind, View};

/// An extension header.
#[derive(Clone, Copy, Debug)]
pub struct Extension<'a> {
    number: IpNumber,
    input: Input<'a>,
}

/// How the walk goes on at a next-header field.
pub fn kind(next: IpNumber) -> Kind {
    if ipv6::is_extension(Protocol(u32::from(next.0))) {
        Kind::Extension(next)
    } else {
        Kind::IpNumber(next)
    }
}

impl Extension<'_> {
    /// The offset, in bytes, within the field that also holds flags.
    const FRAGMENT_OFFSET: u16 = 0xfff8;

    /// Which extension header it is.
    #[must_use]
    pub const fn number(&self) -> IpNumber {
        self.number
    }

    /// Bytes on the wire, from this header to the end of the packet.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }

    /// Bytes of the header, as it states.
    #[must_use]
    pub fn header_len(&self) -> Option<usize> {
        let len = self.input.u8(1)?;
        Some(ipv6::extension_len(u64::from(self.number.0), u64::from(len)) as usize)
    }

    /// Of a fragment header: where the fragment begins in the packet, in bytes.
    #[must_use]
    pub fn fragment_offset(&self) -> Option<u16> {
        self.input.u16(2).map(|word| word & Self::FRAGMENT_OFFSET)
    }

    /// Of an authentication header: the security parameters index.
    #[must_use]
    pub fn spi(&self) -> Option<u32> {
        self.input.u32(4)
    }

    /// Of an authentication header: the sequence number.
    #[must_use]
    pub fn sequence_number(&self) -> Option<u32> {
        self.input.u32(8)
    }

    /// Of an authentication header: the integrity check value, as far as it was captured.
    #[must_use]
    pub fn integrity_check_value(&self) -> &[u8] {
        let end = self.header_len().unwrap_or(0).min(self.input.bytes.len());
        self.input.bytes.get(12..end).unwrap_or_default()
    }

    /// Whether the fields that the kind of header has were captured, and a transport header follows.
    fn goes_on(&self) -> bool {
        match self.number {
            IpNumber::AUTHENTICATION_HEADER => self.sequence_number().is_some(),
            IpNumber::IPV6_FRAGMENTATION_HEADER => self.fragment_offset() == Some(0),
            _ => true,
        }
    }
}

impl<'a> View<'a> for Extension<'a> {
    fn new(kind: Kind, input: Input<'a>) -> Self {
        let number = if let Kind::Extension(number) = kind { number } else { IpNumber(0) };
        Self { number, input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        let (next, len) = (self.input.u8(0)?, self.header_len()?);
        self.goes_on().then(|| (kind(IpNumber(next)), self.input.after(len)))
    }
}
