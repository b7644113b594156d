//! VXLAN (RFC 7348) inside a mirrored packet.

use super::{Input, Kind, View};

/// A header.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan<'a> {
    input: Input<'a>,
}

impl Vxlan<'_> {
    /// Bytes of the header.
    const LEN: usize = 8;

    /// The flags, if the whole header was captured.
    #[must_use]
    pub fn flags(&self) -> Option<u8> {
        self.vni().and(self.input.u8(0))
    }

    /// Network identifier, 24 bits.
    #[must_use]
    pub fn vni(&self) -> Option<u32> {
        self.input.u32(4).map(|word| word >> 8)
    }
}

impl<'a> View<'a> for Vxlan<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        self.vni().map(|_| (Kind::Frame, self.input.after(Self::LEN)))
    }
}
