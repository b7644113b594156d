//! A VLAN tag (IEEE 802.1Q and 802.1ad).

use etherparse::EtherType;

use super::{Input, Kind, View};

/// A tag.
#[derive(Clone, Copy, Debug)]
pub struct Vlan<'a> {
    input: Input<'a>,
}

impl Vlan<'_> {
    /// Bytes of a tag.
    const LEN: usize = 4;

    /// What is behind the tag.
    #[must_use]
    pub fn ether_type(&self) -> Option<EtherType> {
        self.input.u16(2).map(EtherType)
    }
}

impl<'a> View<'a> for Vlan<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }

    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        Some((Kind::EtherType(self.ether_type()?), self.input.after(Self::LEN)))
    }
}
