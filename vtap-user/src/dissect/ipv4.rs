//! IPv4 (RFC 791).

use etherparse::Ipv4HeaderSlice;

use super::{Input, Kind, View};

/// An IPv4 packet.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4<'a> {
    header: Result<Ipv4HeaderSlice<'a>, Flaw>,
    input: Input<'a>,
}

/// Why a header can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It is cut.
    Cut,
    /// Its version or header length is wrong.
    BadHeader,
    /// Its total length is less than the header.
    BadLength(u32),
}

impl<'a> Ipv4<'a> {
    /// Bytes of a header without options.
    const MIN_LEN: usize = 20;

    /// The header with its options.
    pub const fn header(&self) -> Result<&Ipv4HeaderSlice<'a>, Flaw> {
        match &self.header {
            Ok(header) => Ok(header),
            Err(flaw) => Err(*flaw),
        }
    }

    /// Bytes of the packet, as it states. A super-frame states none; its length on the wire counts.
    #[must_use]
    pub fn total_len(&self) -> u32 {
        match self.header.map(|header| header.total_len()) {
            Ok(stated @ 1..) => u32::from(stated),
            _ => self.input.len,
        }
    }

    /// How many bytes of the packet were not on the wire.
    #[must_use]
    pub fn missing(&self) -> u32 {
        self.total_len().saturating_sub(self.input.len)
    }

    /// Whether it is a fragment without the transport header.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.header.is_ok_and(|header| header.fragments_offset().value() != 0)
    }
}

impl<'a> View<'a> for Ipv4<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        let header = match Ipv4HeaderSlice::from_slice(input.bytes) {
            Ok(header) => {
                let (header_len, total) = (header.slice().len(), u32::from(header.total_len()));
                if total != 0 && (total as usize) < header_len {
                    Err(Flaw::BadLength(total))
                } else {
                    Ok(header)
                }
            }
            Err(_) if input.bytes.len() < Self::MIN_LEN => Err(Flaw::Cut),
            Err(_) => Err(Flaw::BadHeader),
        };
        Self { header, input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        let header = self.header.ok()?;
        if self.is_later_fragment() {
            return None;
        }
        let (header_len, total) = (header.slice().len(), self.total_len());
        let end = self.input.bytes.len().min(total as usize);
        let bytes = self.input.bytes.get(header_len..end).unwrap_or_default();
        let len = total.saturating_sub(header_len as u32);
        Some((Kind::IpNumber(header.protocol()), Input { bytes, len }))
    }
}
