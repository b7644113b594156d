//! The groups in which packets are counted by protocol.

use crate::wire::Protocol;

/// A group of protocols that is counted together, under `by_proto` in the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ProtocolClass {
    /// TCP.
    Tcp = 0,
    /// UDP.
    Udp = 1,
    /// ICMP for IPv4.
    Icmp = 2,
    /// ICMP for IPv6.
    Icmp6 = 3,
    /// ARP.
    Arp = 4,
    /// Anything else.
    Other = 5,
}

impl ProtocolClass {
    /// Every class with its name in the statistics, in the order of their discriminants.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::Tcp, "tcp"),
        (Self::Udp, "udp"),
        (Self::Icmp, "icmp"),
        (Self::Icmp6, "icmp6"),
        (Self::Arp, "arp"),
        (Self::Other, "other"),
    ];

    /// The class of a protocol.
    #[inline(always)]
    #[must_use]
    pub const fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::TCP => Self::Tcp,
            Protocol::UDP => Self::Udp,
            Protocol::ICMP => Self::Icmp,
            Protocol::ICMP6 => Self::Icmp6,
            Protocol::ARP => Self::Arp,
            _ => Self::Other,
        }
    }
}
