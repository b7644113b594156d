//! LLDP (IEEE 802.1AB).

use super::{Input, Kind, View};

/// An LLDP packet, of which only the length is shown.
#[derive(Clone, Copy, Debug)]
pub struct Lldp<'a> {
    input: Input<'a>,
}

impl Lldp<'_> {
    /// Bytes of it on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }
}

impl<'a> View<'a> for Lldp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
