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
use crate::reasons::reasons;

reasons! {
    /// Which header is cut short or contradicts another. Of an inner packet it is counted under this
    /// name.
    pub enum Damaged {
        /// The Ethernet header is cut.
        Ethernet = "ethernet",
        /// A VLAN tag is cut, or there are more tags than vtap follows.
        Vlan = "vlan",
        /// The IPv4 header is cut, is none, or is longer than the packet that it describes.
        Ipv4 = "ipv4",
        /// The IPv6 header is cut, or is none.
        Ipv6 = "ipv6",
        /// An IPv6 extension header is cut or ends behind its packet, or there are more of them than
        /// vtap follows.
        Ipv6Extension = "ipv6_extension",
        /// The ARP packet is cut.
        Arp = "arp",
        /// The header of TCP, UDP, SCTP, ICMP or ICMPv6 is cut, ends behind its IP packet, or its
        /// length cannot be true.
        Transport = "transport",
    }
}
