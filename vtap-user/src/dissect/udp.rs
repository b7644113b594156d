//! UDP (RFC 768).

use super::{Input, Kind, View};

/// A datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    input: Input<'a>,
}

impl Udp<'_> {
    /// Bytes of the header.
    const LEN: usize = 8;

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

    /// Bytes of the payload, as the header states, or `None` where it is cut. A super-frame states
    /// none; its length on the wire counts.
    #[must_use]
    pub fn payload_len(&self) -> Option<u32> {
        self.input.bytes.get(..Self::LEN)?;
        let stated = match self.input.u16(4)? {
            0 => self.input.len,
            stated => u32::from(stated),
        };
        Some(stated.saturating_sub(Self::LEN as u32))
    }

    /// Bytes of the payload that the IP packet has room for, if the header states more.
    #[must_use]
    pub fn bad_len(&self) -> Option<u32> {
        let is_bad = u32::from(self.input.u16(4)?) > self.input.len;
        is_bad.then(|| self.input.len.saturating_sub(Self::LEN as u32))
    }
}

impl<'a> View<'a> for Udp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        let (port, len) = (self.destination_port()?, self.payload_len()?);
        let bytes = self.input.bytes.get(Self::LEN..)?;
        // The payload ends where the header says, of a super-frame too.
        let bytes = &bytes[..bytes.len().min(len as usize)];
        Some((Kind::UdpPort(port), Input { bytes, len }))
    }
}
