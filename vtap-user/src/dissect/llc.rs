//! Logical link control (IEEE 802.2), in frames whose type field is a length.

use super::{Input, Kind, View};

/// An LLC header.
#[derive(Clone, Copy, Debug)]
pub struct Llc<'a> {
    input: Input<'a>,
    length: u16,
}

impl Llc<'_> {
    /// The service access point of the spanning tree protocol (IEEE 802.1D).
    pub const SPANNING_TREE: u8 = 0x42;

    /// What the frame's length field says.
    #[must_use]
    pub const fn length(&self) -> u16 {
        self.length
    }

    /// Destination service access point.
    #[must_use]
    pub fn dsap(&self) -> Option<u8> {
        self.input.u8(0)
    }

    /// Source service access point.
    #[must_use]
    pub fn ssap(&self) -> Option<u8> {
        self.input.u8(1)
    }

    /// The first byte of the control field.
    #[must_use]
    pub fn control(&self) -> Option<u8> {
        self.input.u8(2)
    }
}

impl<'a> View<'a> for Llc<'a> {
    fn new(kind: Kind, input: Input<'a>) -> Self {
        let length = if let Kind::EtherType(length) = kind { length.0 } else { 0 };
        Self { input, length }
    }
}
