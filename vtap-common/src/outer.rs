//! The frame from the wire, down to a UDP datagram to a tap port.

use crate::{
    abi::Malformed,
    select::Selection,
    tunnel::Encapsulation,
    wire::{
        Address, Family, Fragment, Frame, Link, LinkLayer, Network, Protocol, Slot, transport,
        udp::{self, BadDatagram},
    },
};

/// Why a frame has no datagram for vtap.
#[derive(Clone, Copy, Debug)]
pub enum NoDatagram {
    /// It is other traffic, or ends before it names a tap port.
    NotTunnel,
    /// It went to a tap port.
    Malformed(Malformed),
}

/// A UDP datagram to a tap port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where its payload begins in the frame.
    pub payload: u32,
    /// Where its payload ends. Bytes behind that (padding, a driver's trailer) are not part of it.
    pub end: u32,
    /// Where its payload ended on the wire; beyond `end` if the frame was cut.
    pub wire_end: u32,
    /// The tunnel's source address.
    pub src: Address,
    /// The tunnel's destination address.
    pub dst: Address,
    /// The tunnel's source port, which carries a hash of the inner flow, as it lies in memory.
    pub src_port: u64,
    /// How the datagrams of its tap port are read.
    pub encapsulation: Encapsulation,
}

impl Datagram {
    /// Bytes of its payload on the wire.
    #[inline(always)]
    #[must_use]
    pub const fn payload_len(&self) -> u32 {
        self.wire_end - self.payload
    }
}

/// Finds the datagram in a frame that begins as `layer` says.
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
    // The ports come first: a frame that is cut behind them is known to be a tunnel's.
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
