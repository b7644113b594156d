//! A packet without link header that is neither IPv4 nor IPv6.

use super::{Input, Kind, View};

/// Such a packet.
#[derive(Clone, Copy, Debug)]
pub struct UnknownVersion<'a> {
    input: Input<'a>,
}

impl UnknownVersion<'_> {
    /// The first four bits, which would be the version of an IP header.
    #[must_use]
    pub fn version(&self) -> Option<u8> {
        self.input.u8(0).map(|byte| byte >> 4)
    }
}

impl<'a> View<'a> for UnknownVersion<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
