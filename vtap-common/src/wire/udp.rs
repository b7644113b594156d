//! UDP (RFC 768), as what carries a tunnel.

use network_types::udp::UdpHdr;

use super::{
    frame::{Frame, Header},
    network::Network,
};

/// What is wrong with a UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BadDatagram {
    /// The frame ends within it.
    Header,
    /// Its length field cannot be true.
    Length,
}

/// Bytes of the header.
pub const LEN: u32 = <UdpHdr as Header>::LEN;

/// Where the datagram that `network` carries ends on the wire, as its header says.
#[inline(always)]
pub fn end<F: Frame>(frame: &F, network: &Network) -> Result<u32, BadDatagram> {
    let udp = frame.header::<UdpHdr>(network.payload).ok_or(BadDatagram::Header)?;
    let len = u32::from(udp.len());
    if len >= LEN {
        Ok(network.payload + len)
    } else if len == 0 && network.len == 0 {
        // So a super-frame of 64 kB and more states its length, in this header as in the one
        // before: the frame's own decides.
        Ok(frame.len())
    } else {
        Err(BadDatagram::Length)
    }
}
