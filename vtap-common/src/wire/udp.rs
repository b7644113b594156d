//! UDP (RFC 768), as what carries a tunnel.

use network_types::udp::UdpHdr;

use super::Network;
use crate::{
    packet::{Header, Packet},
    reason::Malformed,
};

/// Bytes of the header.
pub const LEN: u32 = <UdpHdr as Header>::LEN;

/// Where the datagram that `network` carries ends on the wire, as its header says.
#[inline(always)]
pub fn end<P: Packet>(packet: &P, network: &Network) -> Result<u32, Malformed> {
    let udp = packet.header::<UdpHdr>(network.payload).ok_or(Malformed::UdpHeader)?;
    let len = u32::from(udp.len());
    if len >= LEN {
        Ok(network.payload + len)
    } else if len == 0 && network.len == 0 {
        // So a super-frame of 64 kB and more states its length, in this header as in the one
        // before: the frame's own decides.
        Ok(packet.len())
    } else {
        Err(Malformed::UdpLength)
    }
}
