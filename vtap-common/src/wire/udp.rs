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
    let end = network.payload + len;
    if F::FAST_PATH {
        // The usual datagram fills its packet, so one comparison is enough.
        return if end == network.end { Ok(end) } else { Err(BadDatagram::Length) };
    }
    if len == 0 && network.end == 0 {
        // A super-frame of 64 kB or more: neither header states a length, so the frame's decides.
        return Ok(frame.len());
    }
    let too_long = network.end != 0 && end > network.end;
    if len < LEN || too_long { Err(BadDatagram::Length) } else { Ok(end) }
}
