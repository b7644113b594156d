//! The bytes of a frame: how they are accessed, and one file per protocol header.
//!
//! Each file reads only what capturing needs. Nothing in this folder knows of tunnels, of what
//! the user selected, or of counters.

pub mod address;
pub mod arp;
pub mod ethernet;
pub mod frame;
pub mod ipv4;
pub mod ipv6;
pub mod link;
pub mod network;
pub mod transport;
pub mod udp;

pub use self::{
    address::{Address, Family},
    frame::{Bounded, Frame, Header, HeaderBytes, MAX_HEADER_OFFSET, Slot, Slots},
    link::{Link, LinkLayer},
    network::{Fragment, Network, Protocol},
    transport::{ABSENT, Transport},
};

/// Which header is cut short or contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum BadHeader {
    /// The Ethernet header.
    Ethernet,
    /// A VLAN tag.
    Vlan,
    /// The IPv4 header.
    Ipv4,
    /// The IPv6 header.
    Ipv6,
    /// An IPv6 extension header.
    Ipv6Extension,
    /// The ARP packet.
    Arp,
    /// The transport header.
    Transport,
}
