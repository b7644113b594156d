//! Why a packet that came to a tap port was not delivered: one table for both sides.

/// Defines an enum of reasons with the names under which they are counted.
macro_rules! reasons {
    ($(#[$attr:meta])* pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
    }) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl $name {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The name in `--stats-json`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

reasons! {
    /// A datagram to a tap port from which no inner packet can be had. It is passed on untouched.
    pub enum Malformed {
        /// The frame ends within the outer UDP header.
        UdpHeader = "udp_header",
        /// The outer UDP length is less than a UDP header.
        UdpLength = "udp_length",
        /// A first fragment; RFC 7348 section 4.3 forbids tunnel endpoints to fragment.
        OuterFragment = "outer_fragment",
        /// The datagram ends within the VXLAN header.
        VxlanHeader = "vxlan_header",
        /// The I flag is not set (RFC 7348 section 5).
        VxlanFlags = "vxlan_flags",
        /// VXLAN-GPE carries something else than Ethernet, IPv4 or IPv6.
        GpeProtocol = "gpe_protocol",
        /// The inner frame ends within its Ethernet header.
        InnerEthernet = "inner_ethernet",
        /// It ends within a VLAN tag, or has more tags than vtap follows.
        InnerVlan = "inner_vlan",
        /// It ends within the IPv4 header, or that is none.
        InnerIpv4 = "inner_ipv4",
        /// It ends within the IPv6 header, or that is none.
        InnerIpv6 = "inner_ipv6",
        /// It ends within an IPv6 extension header, or has more of them than vtap follows.
        InnerIpv6Extension = "inner_ipv6_extension",
        /// It ends within the ARP packet.
        InnerArp = "inner_arp",
        /// It ends before the ports, or the ICMP type and code.
        InnerTransport = "inner_transport",
    }
}

reasons! {
    /// A selected packet that user space did not get.
    pub enum Lost {
        /// The ring had no room: user space did not keep up.
        RingFull = "ring_full",
        /// There is no ring for the CPU that received the packet: it came online later.
        NoRing = "no_ring",
        /// Longer than the largest record.
        TooLong = "too_long",
        /// The kernel refused to copy the packet.
        CopyFailed = "copy_failed",
    }
}
