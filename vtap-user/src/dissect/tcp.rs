//! TCP (RFC 9293).

use etherparse::TcpHeaderSlice;

use super::{Input, Kind, View};

/// A segment.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    input: Input<'a>,
}

impl<'a> Tcp<'a> {
    /// The least data offset, in 32-bit words.
    const MIN_DATA_OFFSET: u8 = 5;

    /// Source port.
    #[must_use]
    pub fn source_port(&self) -> Option<u16> {
        self.input.u16(0)
    }

    /// Destination port.
    #[must_use]
    pub fn destination_port(&self) -> Option<u16> {
        self.input.u16(2)
    }

    /// The whole header with its options.
    #[must_use]
    pub fn header(&self) -> Option<TcpHeaderSlice<'a>> {
        TcpHeaderSlice::from_slice(self.input.bytes).ok()
    }

    /// The data offset in bytes, if it is less than a header has.
    #[must_use]
    pub fn bad_header_len(&self) -> Option<u8> {
        let words = self.input.u8(12)? >> 4;
        (words < Self::MIN_DATA_OFFSET).then_some(words * 4)
    }

    /// Bytes of the segment on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }
}

impl<'a> View<'a> for Tcp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
