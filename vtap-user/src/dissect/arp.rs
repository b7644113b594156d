//! ARP (RFC 826).

use std::net::Ipv4Addr;

use super::{Input, Kind, View};

/// An ARP packet.
#[derive(Clone, Copy, Debug)]
pub struct Arp<'a> {
    input: Input<'a>,
}

/// The addresses of an ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Sender hardware address.
    pub sender_mac: [u8; 6],
    /// Sender protocol address.
    pub sender: Ipv4Addr,
    /// Target hardware address.
    pub target_mac: [u8; 6],
    /// Target protocol address.
    pub target: Ipv4Addr,
}

impl Arp<'_> {
    /// Hardware type 1, protocol type 0x0800, and the lengths of their addresses.
    const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

    /// Bytes of it on the wire, with the frame's padding.
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        self.input.len
    }

    /// What the packet asks or tells.
    #[must_use]
    pub fn operation(&self) -> Option<u16> {
        self.input.u16(6)
    }

    /// Whether it is about IPv4 over Ethernet.
    #[must_use]
    pub fn is_ethernet_and_ipv4(&self) -> bool {
        self.input.array(0) == Some(Self::ETHERNET_AND_IPV4)
    }

    /// The addresses, if it is about IPv4 over Ethernet.
    #[must_use]
    pub fn addresses(&self) -> Option<Addresses> {
        if !self.is_ethernet_and_ipv4() {
            return None;
        }
        // The last field first: where it is there, so are the others.
        let target = self.input.u32(24)?;
        Some(Addresses {
            sender_mac: self.input.array(8)?,
            sender: Ipv4Addr::from_bits(self.input.u32(14)?),
            target_mac: self.input.array(18)?,
            target: Ipv4Addr::from_bits(target),
        })
    }
}

impl<'a> View<'a> for Arp<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }
}
