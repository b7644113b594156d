//! Parses an outer frame as far as the UDP datagram for a tap port.

use crate::{
    abi::Malformed,
    select::Selection,
    tunnel::Encapsulation,
    wire::{
        Address, Family, Fragment, Frame, Link, LinkLayer, Network, Protocol, Slot, transport,
        udp::{self, BadDatagram},
    },
};

/// Why vtap cannot find an inner packet in a frame.
#[derive(Clone, Copy, Debug)]
pub enum NoDatagram {
    /// The frame is other traffic, or it ends before the end of the destination port field.
    NotTunnel,
    /// The frame is for a tap port, but its headers are unusable.
    Malformed(Malformed),
}

/// A UDP datagram to a tap port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Offset of the UDP payload in the frame.
    pub payload: u32,
    /// Where the UDP payload ends in the frame. Padding or a driver's trailer may follow.
    pub end: u32,
    /// Where the UDP payload ends according to its header. Greater than `end` if the frame is
    /// truncated.
    pub wire_end: u32,
    /// The tunnel's source address.
    pub src: Address,
    /// The tunnel's destination address.
    pub dst: Address,
    /// The outer source port: a `u16` in network byte order, widened so that this struct has no
    /// padding. It usually is a hash of the inner flow.
    pub src_port: u64,
    /// The encapsulation that is expected on this tap port.
    pub encapsulation: Encapsulation,
}

impl Datagram {
    /// Length of the UDP payload according to its header.
    #[inline(always)]
    #[must_use]
    pub const fn payload_len(&self) -> u32 {
        self.wire_end - self.payload
    }
}

/// Finds the datagram in a frame. `layer` is the first header of the frame.
#[inline(always)]
pub fn parse<F: Frame>(
    frame: &F,
    layer: LinkLayer,
    selection: &Selection,
) -> Result<Datagram, NoDatagram> {
    let link = Link::parse(frame, layer).map_err(|_| NoDatagram::NotTunnel)?;
    let network = Network::parse(frame, link.payload, link.ether_type);
    if network.damaged.is_some()
        || network.protocol != Protocol::UDP
        || network.fragment == Fragment::LATER
    {
        return Err(NoDatagram::NotTunnel);
    }
    // Read only the ports first. If the frame is truncated right after them, it still counts as a
    // tunnel frame.
    let [src_port, dst_port] =
        transport::ports(frame, network.payload).ok_or(NoDatagram::NotTunnel)?;
    let tap =
        selection.tap_ports.find(|tap| u64::from(tap.port ^ u32::from(u16::from_be(dst_port))));
    let tap = tap.ok_or(NoDatagram::NotTunnel)?;
    datagram(frame, &network, src_port, tap.encapsulation).map_err(NoDatagram::Malformed)
}

#[inline(always)]
fn datagram<F: Frame>(
    frame: &F,
    network: &Network,
    src_port: u16,
    encapsulation: Encapsulation,
) -> Result<Datagram, Malformed> {
    if network.fragment == Fragment::FIRST {
        return Err(Malformed::OuterFragment);
    }
    let wire_end = udp::end(frame, network)?;
    let family = Family(frame.launder_for_verifier(Slot::OuterFamily, network.src.family.0));
    let wire_end = frame.launder_for_verifier(Slot::WireEnd, u64::from(wire_end)) as u32;
    let end = if wire_end < frame.len() { wire_end } else { frame.len() };
    Ok(Datagram {
        payload: network.payload + udp::LEN,
        end: frame.launder_for_verifier(Slot::End, u64::from(end)) as u32,
        wire_end,
        src: Address { family, ..network.src },
        dst: Address { family, ..network.dst },
        src_port: u64::from(src_port),
        encapsulation,
    })
}

impl From<BadDatagram> for Malformed {
    #[inline(always)]
    fn from(bad: BadDatagram) -> Self {
        match bad {
            BadDatagram::Header => Self::UdpHeader,
            BadDatagram::Length => Self::UdpLength,
        }
    }
}
