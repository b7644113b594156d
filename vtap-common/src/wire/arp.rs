//! ARP (RFC 826) for IPv4 over Ethernet.

use super::{
    BadHeader,
    address::Address,
    frame::Frame,
    network::{Fragment, Network, Protocol},
};

const LEN: usize = 28;
const ETHERNET_AND_IPV4: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];

/// Reads the packet at `offset`. Its sender and target count as source and destination, as they
/// do for tcpdump's `src`, `dst` and `net`.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Network, BadHeader> {
    let mut network = Network {
        src: Address::NONE,
        dst: Address::NONE,
        protocol: Protocol::ARP,
        payload: offset,
        len: 0,
        fragment: Fragment::No,
    };
    let kind = *frame.header::<[u8; 6]>(offset).ok_or(BadHeader::Arp)?;
    if kind == ETHERNET_AND_IPV4 {
        let arp = frame.header::<[u8; LEN]>(offset).ok_or(BadHeader::Arp)?;
        network.src = Address::v4([arp[14], arp[15], arp[16], arp[17]]);
        network.dst = Address::v4([arp[24], arp[25], arp[26], arp[27]]);
    }
    Ok(network)
}
