//! UDP (RFC 768), as the outer protocol of a tunnel.

use network_types::udp::UdpHdr;

use super::{
    frame::{Frame, Header},
    network::Network,
};

/// What is wrong with a UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BadDatagram {
    /// The frame ends within the UDP header.
    Header,
    /// The UDP length is impossible.
    Length,
}

/// Bytes of the header.
pub const LEN: u32 = <UdpHdr as Header>::LEN;

/// Where the datagram in `network` ends according to its UDP header. That can be past the end of
/// the frame, if the frame is truncated.
#[inline(always)]
pub fn end<F: Frame>(frame: &F, network: &Network) -> Result<u32, BadDatagram> {
    let udp = frame.header::<UdpHdr>(network.payload).ok_or(BadDatagram::Header)?;
    let len = u32::from(udp.len());
    let end = network.payload + len;
    if F::FAST_PATH {
        // In the common form, the datagram fills its packet, so one comparison is enough. The fast
        // path has already checked that the length covers all headers.
        return if end == network.end { Ok(end) } else { Err(BadDatagram::Length) };
    }
    if len == 0 && network.end == 0 {
        // A packet of 64 KiB or more (BIG TCP). Neither the IP nor the UDP header gives a length,
        // so the datagram ends where the frame does.
        return Ok(frame.len());
    }
    let too_long = network.end != 0 && end > network.end;
    if len < LEN || too_long { Err(BadDatagram::Length) } else { Ok(end) }
}
