//! What a packet holds: a walk over its layers, from the link header inwards.
//!
//! Each protocol has one file here, with a *view*: a struct that borrows the bytes of one header and
//! has an accessor for each field. A view never fails to be made. Where the packet ends before a
//! field, the accessor returns `None`, so that a damaged packet is shown as far as it goes.
//!
//! To add a protocol, write its file and add its line to [`protocols`]. How a layer is shown is no
//! concern of this folder: see [`render`](crate::render).

use etherparse::{EtherType, IpNumber};
use vtap_common::{tunnel::LinkType, wire::ipv6::MAX_EXTENSIONS};

use crate::packet::Packet;

/// Tunnels inside the packet that the walk follows.
const MAX_TUNNELS: u32 = 4;

/// The bytes of one layer and of all that it carries.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// How many bytes there were on the wire, as far as the outer layers tell.
    pub len: u32,
}

impl Input<'_> {
    /// What is left behind the first `len` bytes.
    #[must_use]
    pub fn after(self, len: usize) -> Self {
        Self {
            bytes: self.bytes.get(len..).unwrap_or_default(),
            len: self.len.saturating_sub(u32::try_from(len).unwrap_or(u32::MAX)),
        }
    }

    /// The byte at `at`.
    #[must_use]
    pub fn u8(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The 16-bit number at `at`, in network byte order.
    #[must_use]
    pub fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// The 32-bit number at `at`, in network byte order.
    #[must_use]
    pub fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// The `N` bytes at `at`.
    #[must_use]
    pub fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }
}

/// What names the protocol of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The packet begins with an Ethernet header, or a tunnel carries one.
    Frame,
    /// The packet begins with an IP header of a version that is neither 4 nor 6.
    Ip,
    /// The type field of an Ethernet header or VLAN tag; below 0x600 a length.
    EtherType(EtherType),
    /// The protocol field of an IP header, or the next-header field in front of what is no extension
    /// header.
    IpNumber(IpNumber),
    /// The next-header field in front of an IPv6 extension header.
    Extension(IpNumber),
    /// The same field in front of a header that the walk does not follow, as it has followed so many.
    Unfollowed(IpNumber),
    /// The destination port of a UDP datagram.
    UdpPort(u16),
}

/// A header as its protocol defines it.
trait View<'a>: Sized {
    /// A view of the header at the start of `input`, which `kind` has named.
    fn new(kind: Kind, input: Input<'a>) -> Self;

    /// What the header carries, or `None` where that can't be told or is no layer of its own.
    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        None
    }
}

/// Declares the protocols: each has a file, a view, and the [`Kind`] that names it. The first line
/// that fits a kind decides.
macro_rules! protocols {
    ($($module:ident::$view:ident: $kind:pat,)+) => {
        $(pub mod $module;)+

        /// A layer of a packet.
        #[derive(Clone, Copy, Debug)]
        pub enum Layer<'a> {
            $(#[doc = concat!("See [`", stringify!($module), "`].")]
            $view($module::$view<'a>),)+
        }

        impl<'a> Layer<'a> {
            fn new(kind: Kind, input: Input<'a>) -> Option<Self> {
                match kind {
                    $($kind => Some(Self::$view($module::$view::new(kind, input))),)+
                    _ => None,
                }
            }

            fn inside(&self) -> Option<(Kind, Input<'a>)> {
                match self {
                    $(Self::$view(view) => view.inside(),)+
                }
            }
        }
    };
}

protocols! {
    ethernet::Ethernet: Kind::Frame,
    vlan::Vlan: Kind::EtherType(
        EtherType::VLAN_TAGGED_FRAME
        | EtherType::PROVIDER_BRIDGING
        | EtherType::VLAN_DOUBLE_TAGGED_FRAME
    ),
    mpls::Mpls: Kind::EtherType(EtherType(0x8847)),
    lldp::Lldp: Kind::EtherType(EtherType(0x88cc)),
    arp::Arp: Kind::EtherType(EtherType::ARP),
    rarp::Rarp: Kind::EtherType(EtherType(0x8035)),
    llc::Llc: Kind::EtherType(EtherType(0..0x600)),
    ipv4::Ipv4: Kind::EtherType(EtherType::IPV4) | Kind::IpNumber(IpNumber::IPV4),
    ipv6::Ipv6: Kind::EtherType(EtherType::IPV6) | Kind::IpNumber(IpNumber::IPV6),
    extension::Extension: Kind::Extension(_),
    tcp::Tcp: Kind::IpNumber(IpNumber::TCP),
    udp::Udp: Kind::IpNumber(IpNumber::UDP),
    sctp::Sctp: Kind::IpNumber(IpNumber::SCTP),
    icmp::Icmp: Kind::IpNumber(IpNumber::ICMP),
    icmp6::Icmp6: Kind::IpNumber(IpNumber::IPV6_ICMP),
    igmp::Igmp: Kind::IpNumber(IpNumber::IGMP),
    vxlan::Vxlan: Kind::UdpPort(vtap_common::tunnel::vxlan::PORT),
    unknown_type::UnknownType: Kind::EtherType(_),
    unknown_protocol::UnknownProtocol: Kind::IpNumber(_) | Kind::Unfollowed(_),
    unknown_version::UnknownVersion: Kind::Ip,
}

/// The layers of a packet, from the outside in. It ends behind [`MAX_TUNNELS`] tunnels and
/// [`MAX_EXTENSIONS`] extension headers of each, whatever the packet holds.
pub struct Layers<'a> {
    next: Option<Layer<'a>>,
    tunnels: u32,
    extensions: u32,
}

impl<'a> Layers<'a> {
    /// The layers of `packet`.
    #[must_use]
    pub fn of(packet: &Packet<'a>) -> Self {
        let input = Input { bytes: packet.data, len: packet.wirelen };
        let kind = match packet.link {
            LinkType::Ethernet => Kind::Frame,
            LinkType::RawIp => ip_version(input).map_or(Kind::Ip, Kind::EtherType),
        };
        Self { next: Layer::new(kind, input), tunnels: 0, extensions: 0 }
    }

    /// Whether the layer that the walk gave last is the innermost.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    fn follow(&mut self, layer: &Layer<'a>) -> Option<Layer<'a>> {
        let (kind, input) = layer.inside()?;
        let kind = match kind {
            Kind::IpNumber(number @ (IpNumber::IPV4 | IpNumber::IPV6)) => {
                self.extensions = 0;
                self.tunnels += 1;
                if self.tunnels > MAX_TUNNELS { Kind::Unfollowed(number) } else { kind }
            }
            Kind::UdpPort(_) => {
                self.extensions = 0;
                self.tunnels += 1;
                if self.tunnels > MAX_TUNNELS {
                    return None;
                }
                kind
            }
            Kind::Extension(number) => {
                self.extensions += 1;
                if self.extensions > MAX_EXTENSIONS { Kind::Unfollowed(number) } else { kind }
            }
            kind => kind,
        };
        Layer::new(kind, input)
    }
}

impl<'a> Iterator for Layers<'a> {
    type Item = Layer<'a>;

    fn next(&mut self) -> Option<Layer<'a>> {
        let layer = self.next.take()?;
        self.next = self.follow(&layer);
        Some(layer)
    }
}

/// The `EtherType` of an IP packet, by its version field.
fn ip_version(input: Input<'_>) -> Option<EtherType> {
    match input.u8(0)? >> 4 {
        4 => Some(EtherType::IPV4),
        6 => Some(EtherType::IPV6),
        _ => None,
    }
}
