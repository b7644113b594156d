//! The bytes of a frame: how they are accessed, and one file per protocol header.
//!
//! Each parser reads only the fields that vtap needs. None of them depends on tunnels, on the
//! user's selection, or on counters. (Only the list of [`Slot`]s names things of the layers above.)

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
use crate::reasons::reasons;

reasons! {
    /// A header that is truncated or wrong, or that vtap does not follow any further. Damaged inner
    /// packets are counted under these names.
    pub enum Damaged {
        /// The Ethernet header is truncated.
        Ethernet = "ethernet",
        /// A VLAN tag is truncated, or there are more tags than vtap follows.
        Vlan = "vlan",
        /// The IPv4 header is truncated, has another version, states a length of less than 20
        /// bytes, or is longer than its own packet.
        Ipv4 = "ipv4",
        /// The IPv6 header is truncated or has another version.
        Ipv6 = "ipv6",
        /// An IPv6 extension header is truncated or extends past the end of its packet, or there
        /// are more extension headers than vtap follows.
        Ipv6Extension = "ipv6_extension",
        /// The ARP packet is truncated.
        Arp = "arp",
        /// The TCP, UDP, SCTP, ICMP or ICMPv6 header is truncated, extends past the end of its IP
        /// packet, or states an impossible length.
        Transport = "transport",
    }
}
