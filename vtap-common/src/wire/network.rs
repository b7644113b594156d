//! The network header: IPv4, IPv6 or ARP.

use network_types::{eth::EtherType, ip::IpProto};

use super::{
    Damaged,
    address::Address,
    arp, ethernet,
    frame::{Frame, Slot},
    ipv4, ipv6,
};

/// The protocol that `--proto` selects: an IP protocol number, or one of the constants here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Protocol(pub u32);

impl Protocol {
    /// Address resolution.
    pub const ARP: Self = Self(0x100);
    /// Not IP and not ARP, or too damaged to tell.
    pub const OTHER: Self = Self(0x101);
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(IpProto::Tcp as u32);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(IpProto::Udp as u32);
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(IpProto::Icmp as u32);
    /// ICMP for IPv6.
    pub const ICMP6: Self = Self(IpProto::Ipv6Icmp as u32);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Self = Self(IpProto::Sctp as u32);
}

/// Whether an IP packet is a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Fragment(pub(super) u32);

impl Fragment {
    /// The packet is whole.
    pub const NO: Self = Self(0);
    /// The packet is a first fragment, which has the transport header.
    pub const FIRST: Self = Self(1);
    /// The packet is a later fragment, which has no transport header.
    pub const LATER: Self = Self(2);
}

/// What a network header says.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// Source address, or [`Address::NONE`].
    pub src: Address,
    /// Destination address, or [`Address::NONE`].
    pub dst: Address,
    /// The protocol that the packet carries. [`Protocol::ARP`] for ARP itself.
    pub protocol: Protocol,
    /// Where the payload begins.
    pub payload: u32,
    /// Where the packet ends according to its header. Zero if the header gives no length, as in
    /// packets of 64 KiB and more (BIG TCP), in jumbograms, and in anything but IP, ARP and LLC.
    pub end: u32,
    /// Whether the packet is a fragment, and thus whether it has a transport header.
    pub fragment: Fragment,
    /// The header that is damaged, if any. The other fields then hold what could still be read.
    pub damaged: Option<Damaged>,
}

impl Network {
    /// A packet about which nothing is known.
    pub const NONE: Self = Self {
        src: Address::NONE,
        dst: Address::NONE,
        protocol: Protocol::OTHER,
        payload: 0,
        end: 0,
        fragment: Fragment::NO,
        damaged: None,
    };

    /// A packet whose header can't be read.
    #[inline(always)]
    #[must_use]
    pub const fn unreadable(damaged: Damaged) -> Self {
        Self { damaged: Some(damaged), ..Self::NONE }
    }

    /// Where the packet ends, or where the frame ends (`frame_end`) if that comes first.
    #[inline(always)]
    #[must_use]
    pub const fn present_end(&self, frame_end: u32) -> u32 {
        if self.end == 0 || self.end > frame_end { frame_end } else { self.end }
    }

    /// Reads the network header at `offset`. Its kind is `ether_type`, in network byte order.
    ///
    /// Protocols other than IP and ARP are not parsed, so they are never reported as damaged.
    #[inline(always)]
    pub fn parse<F: Frame>(frame: &F, offset: u32, ether_type: u32) -> Self {
        let mut network = if ether_type == EtherType::Ipv4 as u32 {
            ipv4::parse(frame, offset)
        } else if F::FAST_PATH {
            return Self::unreadable(Damaged::Ethernet);
        } else if ether_type == EtherType::Ipv6 as u32 {
            ipv6::parse(frame, offset)
        } else if ether_type == EtherType::Arp as u32 {
            arp::parse(frame, offset)
        } else {
            let end = ethernet::llc_len(ether_type).map_or(0, |len| offset + len);
            Self { end, ..Self::NONE }
        };
        // The paths for all kinds of network headers join here; see `Frame::launder_for_verifier`.
        let payload = u64::from(network.payload);
        network.payload = frame.launder_for_verifier(Slot::Transport, payload) as u32;
        let end = u64::from(network.end);
        network.end = frame.launder_for_verifier(Slot::NetworkEnd, end) as u32;
        let fragment = u64::from(network.fragment.0);
        network.fragment = Fragment(frame.launder_for_verifier(Slot::Fragment, fragment) as u32);
        let protocol = u64::from(network.protocol.0);
        network.protocol = Protocol(frame.launder_for_verifier(Slot::Carried, protocol) as u32);
        network
    }
}
