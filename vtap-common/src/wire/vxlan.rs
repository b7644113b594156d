//! VXLAN (RFC 7348) and VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).

/// The UDP port that IANA assigned to VXLAN.
pub const PORT: u16 = 4789;
/// The UDP port that IANA assigned to VXLAN-GPE.
pub const GPE_PORT: u16 = 4790;

/// GPE: the header has a next-protocol field.
pub const GPE_P_FLAG: u8 = 0x04;

/// Values of GPE's next-protocol field.
pub mod gpe {
    /// IPv4.
    pub const IPV4: u8 = 1;
    /// IPv6.
    pub const IPV6: u8 = 2;
    /// Ethernet.
    pub const ETHERNET: u8 = 3;
}
