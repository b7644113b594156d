//! Ethernet II (IEEE 802.3).

use etherparse::EtherType;

use super::{Input, Kind, View};

/// An Ethernet header.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet<'a> {
    input: Input<'a>,
}

impl Ethernet<'_> {
    /// Bytes of the header.
    const LEN: usize = 14;

    /// Destination MAC address.
    #[must_use]
    pub fn destination(&self) -> Option<[u8; 6]> {
        self.input.array(0)
    }

    /// Source MAC address.
    #[must_use]
    pub fn source(&self) -> Option<[u8; 6]> {
        self.input.array(6)
    }

    /// What the frame carries.
    #[must_use]
    pub fn ether_type(&self) -> Option<EtherType> {
        self.input.u16(12).map(EtherType)
    }

    /// Bytes of the frame on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }
}

impl<'a> View<'a> for Ethernet<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        Some((Kind::EtherType(self.ether_type()?), self.input.after(Self::LEN)))
    }
}
