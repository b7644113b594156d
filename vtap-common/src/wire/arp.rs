//! ARP (RFC 826). Addresses are read of IPv4 over Ethernet only.

use super::{
    Damaged,
    address::Address,
    frame::Frame,
    network::{Network, Protocol},
};

/// Hardware and protocol type, the length of an address of either, and the operation.
const FIXED_LEN: u32 = 8;
const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
/// Length of such a packet.
const LEN: usize = 28;

/// Reads the packet at `offset`. Its sender and target count as source and destination, as they
/// do for tcpdump's `src`, `dst` and `net`.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Network {
    let mut network = Network { protocol: Protocol::ARP, payload: offset, ..Network::NONE };
    network.damaged = Some(Damaged::Arp);
    let Some(fixed) = frame.header::<[u8; FIXED_LEN as usize]>(offset) else { return network };
    let [kind @ .., _, _] = *fixed;
    if kind == ETHERNET_AND_IPV4 {
        let Some(arp) = frame.header::<[u8; LEN]>(offset) else { return network };
        network.src = Address::v4([arp[14], arp[15], arp[16], arp[17]]);
        network.dst = Address::v4([arp[24], arp[25], arp[26], arp[27]]);
    }
    let addresses = 2 * (u32::from(fixed[4]) + u32::from(fixed[5]));
    if offset + FIXED_LEN + addresses <= frame.len() {
        network.damaged = None;
    }
    network
}
