//! The inner packet as user space knows it, whatever it was captured with.

use vtap_common::{abi::ProtocolClass, tunnel::LinkType, wire::Address};

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
