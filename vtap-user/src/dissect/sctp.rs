//! SCTP (RFC 9260).

use super::{Input, Kind, View};

/// Chunks of a packet that are read.
const MAX_CHUNKS: usize = 8;

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct Sctp<'a> {
    input: Input<'a>,
}

impl Sctp<'_> {
    /// Bytes of the common header.
    const LEN: usize = 12;

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

    /// The types of the chunks (section 3.2), as far as they were captured, and no more than
    /// [`MAX_CHUNKS`].
    pub fn chunk_types(&self) -> impl Iterator<Item = u8> {
        let mut rest = self.input.after(Self::LEN);
        let chunks = std::iter::from_fn(move || {
            let (kind, len) = (rest.u8(0)?, rest.u16(2)?);
            rest = rest.after(usize::from(len).next_multiple_of(4).max(4));
            Some(kind)
        });
        chunks.take(MAX_CHUNKS)
    }
}

impl<'a> View<'a> for Sctp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
