//! ARP (RFC 826). Addresses are read only if the packet is for IPv4 over Ethernet.

use super::{
    Damaged,
    address::Address,
    frame::Frame,
    network::{Network, Protocol},
};

/// Length of the fixed part: hardware type, protocol type, the two address lengths, and the
/// operation.
const FIXED_LEN: u32 = 8;
/// How a packet for IPv4 over Ethernet begins: the fixed part up to the operation.
const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
/// Length of an ARP packet for IPv4 over Ethernet.
const LEN: u32 = 28;

/// Reads the packet at `offset`. The sender is taken as the source and the target as the
/// destination, as in tcpdump's filters `src`, `dst` and `net`.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Network {
    let mut network = Network { protocol: Protocol::ARP, payload: offset, ..Network::NONE };
    network.damaged = Some(Damaged::Arp);
    let Some(fixed) = frame.header::<[u8; FIXED_LEN as usize]>(offset) else { return network };
    let [kind @ .., _, _] = *fixed;
    if kind == ETHERNET_AND_IPV4 {
        network.end = offset + LEN;
        let Some(arp) = frame.header::<[u8; LEN as usize]>(offset) else { return network };
        network.src = Address::v4([arp[14], arp[15], arp[16], arp[17]]);
        network.dst = Address::v4([arp[24], arp[25], arp[26], arp[27]]);
    }
    let addresses = 2 * (u32::from(fixed[4]) + u32::from(fixed[5]));
    if offset + FIXED_LEN + addresses <= frame.len() {
        network.damaged = None;
    }
    network
}
