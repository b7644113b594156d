//! The inner packet as user space knows it, whatever it was captured with.

use anyhow::{Context as _, Result};
use vtap_common::{Matched, abi::ProtocolClass, tunnel::LinkType, wire::Address};

use crate::timestamp::Timestamp;

/// One inner packet, in ring or file memory.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// The tunnel that carried it.
    pub tunnel: Tunnel,
    /// What it begins with.
    pub link: LinkType,
    /// How `by_proto` counts it.
    pub class: ProtocolClass,
    /// Its length on the wire, before a tap or a snap length cut it.
    pub wirelen: u32,
    /// Its captured bytes, from the link header (or the IP header) on.
    pub data: &'a [u8],
}

/// When and where a frame was captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) time: Timestamp,
    /// The receive queue; files do not tell.
    pub(crate) queue: Option<u16>,
}

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// Network identifier.
    pub vni: u32,
    /// The outer source address.
    pub src: Address,
    /// The outer destination address.
    pub dst: Address,
    /// The outer UDP source port.
    pub src_port: u16,
    /// The receive queue; files do not tell.
    pub queue: Option<u16>,
}

impl<'a> Packet<'a> {
    /// The packet that was found in a frame, of which `snaplen` bytes are taken at most.
    #[inline(always)]
    pub(crate) fn examined(
        frame: &'a [u8],
        matched: &Matched,
        snaplen: u32,
        arrival: Arrival,
    ) -> Result<Self> {
        let Matched { datagram, tunnel, inner } = matched;
        let start = tunnel.payload as usize;
        let data = frame.get(start..start + inner.len.min(snaplen) as usize);
        Ok(Self {
            time: arrival.time,
            tunnel: Tunnel {
                vni: tunnel.vni(),
                src: datagram.src,
                dst: datagram.dst,
                src_port: u16::from_be(datagram.src_port as u16),
                queue: arrival.queue,
            },
            link: tunnel.link(),
            class: ProtocolClass::of(inner.protocol),
            wirelen: matched.wirelen(),
            data: data.context("the parser left the frame")?,
        })
    }
}
