//! The payload of an IP packet that no other file here reads, or that the walk does not follow.

use etherparse::IpNumber;

use super::{Input, Kind, View};

/// Such a payload.
#[derive(Clone, Copy, Debug)]
pub struct UnknownProtocol<'a> {
    number: IpNumber,
    input: Input<'a>,
}

impl UnknownProtocol<'_> {
    /// The number that names it.
    #[must_use]
    pub const fn number(&self) -> IpNumber {
        self.number
    }

    /// Bytes of it on the wire.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }
}

impl<'a> View<'a> for UnknownProtocol<'a> {
    fn new(kind: Kind, input: Input<'a>) -> Self {
        let (Kind::IpNumber(number) | Kind::Unfollowed(number)) = kind else {
            return Self { number: IpNumber(0), input };
        };
        Self { number, input }
    }
}
