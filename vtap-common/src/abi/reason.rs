//! The reasons why a packet for a tap port did not reach user space.

use crate::reasons::reasons;

reasons! {
    /// Why the tunnel headers of a datagram for a tap port are unusable. The kernel side passes
    /// such a frame to the network stack unchanged. (If the frame holds several datagrams, user
    /// space finds this out later, and the frame has been treated like any other tunnel frame.)
    pub enum Malformed {
        /// The frame ends within the outer UDP header.
        UdpHeader = "udp_header",
        /// The outer UDP length is less than a UDP header, or more than the outer IP packet holds.
        UdpLength = "udp_length",
        /// The outer packet is a first fragment. vtap does not reassemble fragments, and RFC 7348
        /// section 4.3 allows a receiver to discard them. (Later fragments have no port, so they
        /// count as other traffic.)
        OuterFragment = "outer_fragment",
        /// The datagram ends within the VXLAN header.
        VxlanHeader = "vxlan_header",
        /// The I flag is not set (RFC 7348 section 5).
        VxlanFlags = "vxlan_flags",
        /// VXLAN-GPE carries something other than Ethernet, IPv4 or IPv6.
        GpeProtocol = "gpe_protocol",
        /// The frame holds several datagrams, and user space cannot find out where each begins.
        Coalesced = "coalesced",
    }
}

reasons! {
    /// Why user space did not get a selected packet.
    pub enum Lost {
        /// The ring had no room: user space did not keep up.
        RingFull = "ring_full",
        /// There is no ring for the CPU that received the packet. User space makes one per CPU, so
        /// this is a bug in vtap, or the machine has more than [`MAX_RINGS`](super::MAX_RINGS)
        /// CPUs.
        NoRing = "no_ring",
        /// The captured part is longer than the largest record class.
        TooLong = "too_long",
        /// The kernel refused to copy the packet.
        CopyFailed = "copy_failed",
    }
}
