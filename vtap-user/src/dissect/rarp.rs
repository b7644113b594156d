//! Reverse ARP (RFC 903), which has the format of ARP.

use super::{Input, Kind, View, arp::Arp};

/// A RARP packet.
#[derive(Clone, Copy, Debug)]
pub struct Rarp<'a> {
    /// Its fields.
    pub packet: Arp<'a>,
}

impl<'a> View<'a> for Rarp<'a> {
    fn new(kind: Kind, input: Input<'a>) -> Self {
        Self { packet: Arp::new(kind, input) }
    }
}
