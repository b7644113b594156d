//! The frame from the wire, down to a UDP datagram to a tap port.

use crate::{
    address::{Address, Family},
    packet::{Packet, Slot},
    reason::Malformed,
    selection::Selection,
    tunnel::Encapsulation,
    wire::{Fragment, Network, Protocol, ethernet, transport, udp},
};

/// Why a frame has no datagram for vtap.
#[derive(Clone, Copy, Debug)]
pub enum NoDatagram {
    /// It is other traffic, or is cut off before it names a tap port.
    NotTunnel,
    /// It went to a tap port.
    Malformed(Malformed),
}

/// A UDP datagram to a tap port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Where its payload begins in the frame.
    pub payload: u32,
    /// Where its payload ends: what is behind that (padding, a driver's trailer) is not its own.
    pub end: u32,
    /// Where its payload ended on the wire; beyond `end` if the frame was cut.
    pub wire_end: u32,
    /// The tunnel's source address.
    pub src: Address,
    /// The tunnel's destination address.
    pub dst: Address,
    /// The tunnel's source port, which carries a hash of the inner flow, as it lies in memory.
    pub src_port: u32,
    /// How the tap port it went to is read.
    pub encapsulation: Encapsulation,
}

/// Finds the datagram.
#[inline(always)]
pub fn parse<P: Packet>(packet: &P, selection: &Selection) -> Result<Datagram, NoDatagram> {
    let not_tunnel = |_| NoDatagram::NotTunnel;
    let link = ethernet::parse(packet, 0).map_err(not_tunnel)?;
    let network = Network::parse(packet, link.payload, link.ether_type).map_err(not_tunnel)?;
    if network.protocol != Protocol::UDP || network.fragment == Fragment::Later {
        return Err(NoDatagram::NotTunnel);
    }
    // The ports first: a frame cut behind them is known to be a tunnel's.
    let [src_port, dst_port] =
        transport::ports(packet, network.payload).ok_or(NoDatagram::NotTunnel)?;
    let tap =
        selection.tap_ports.find(|tap| u64::from(tap.port ^ u32::from(u16::from_be(dst_port))));
    let tap = tap.ok_or(NoDatagram::NotTunnel)?;
    datagram(packet, &network, src_port, tap.encapsulation).map_err(NoDatagram::Malformed)
}

#[inline(always)]
fn datagram<P: Packet>(
    packet: &P,
    network: &Network,
    src_port: u16,
    encapsulation: Encapsulation,
) -> Result<Datagram, Malformed> {
    if network.fragment == Fragment::First {
        return Err(Malformed::OuterFragment);
    }
    let wire_end = udp::end(packet, network)?;
    let family = Family(packet.forget(Slot::OuterFamily, network.src.family.0));
    let wire_end = packet.forget(Slot::WireEnd, u64::from(wire_end)) as u32;
    let end = if wire_end < packet.len() { wire_end } else { packet.len() };
    Ok(Datagram {
        payload: network.payload + udp::LEN,
        end: packet.forget(Slot::End, u64::from(end)) as u32,
        wire_end,
        src: Address { family, ..network.src },
        dst: Address { family, ..network.dst },
        src_port: u32::from(src_port),
        encapsulation,
    })
}
