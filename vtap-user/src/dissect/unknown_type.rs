//! A payload of an `EtherType` that no other file here reads.

use etherparse::EtherType;

use super::{Input, Kind, View};

/// Such a payload.
#[derive(Clone, Copy, Debug)]
pub struct UnknownType<'a> {
    ether_type: EtherType,
    input: Input<'a>,
}

impl UnknownType<'_> {
    /// The type that names it.
    #[must_use]
    pub const fn ether_type(&self) -> EtherType {
        self.ether_type
    }

    /// Bytes of it on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }
}

impl<'a> View<'a> for UnknownType<'a> {
    fn new(kind: Kind, input: Input<'a>) -> Self {
        let ether_type = if let Kind::EtherType(found) = kind { found } else { EtherType(0) };
        Self { ether_type, input }
    }
}
