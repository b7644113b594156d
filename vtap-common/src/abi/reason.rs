//! Why a packet that came to a tap port was not delivered.

use crate::reasons::reasons;

reasons! {
    /// What is wrong with a datagram to a tap port whose tunnel headers are unusable. It is passed on
    /// untouched.
    pub enum Malformed {
        /// The frame ends within the outer UDP header.
        UdpHeader = "udp_header",
        /// The outer UDP length is less than a UDP header, or more than the outer IP packet holds.
        UdpLength = "udp_length",
        /// A first fragment; RFC 7348 section 4.3 forbids tunnel endpoints to fragment.
        OuterFragment = "outer_fragment",
        /// The datagram ends within the VXLAN header.
        VxlanHeader = "vxlan_header",
        /// The I flag is not set (RFC 7348 section 5).
        VxlanFlags = "vxlan_flags",
        /// VXLAN-GPE carries something else than Ethernet, IPv4 or IPv6.
        GpeProtocol = "gpe_protocol",
        /// A frame with several datagrams, but where each begins is not certain.
        Coalesced = "coalesced",
    }
}

reasons! {
    /// Why user space did not get a selected packet.
    pub enum Lost {
        /// The ring had no room: user space did not keep up.
        RingFull = "ring_full",
        /// There is no ring for the CPU that received the packet. Every CPU has one, so this is a fault.
        NoRing = "no_ring",
        /// Longer than the largest record.
        TooLong = "too_long",
        /// The kernel refused to copy the packet.
        CopyFailed = "copy_failed",
    }
}
