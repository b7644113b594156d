//! IP addresses, in a form that is cheap to compare.

/// An address family. It is as wide as the other fields of [`Address`], so that `Address` has no
/// padding. The compiler copies a struct with padding by unaligned moves on the stack, which the
/// verifier rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Family(pub u64);

impl Family {
    /// Neither IPv4 nor IPv6.
    pub const NONE: Self = Self(0);
    /// IPv4.
    pub const V4: Self = Self(4);
    /// IPv6.
    pub const V6: Self = Self(6);
}

/// An address of either family as two 64-bit integers, in network byte order.
///
/// The prefixes given by command-line flags have the same byte order, so the addresses of a packet
/// are compared without a byte swap. (Rules are looked up in tables of ranges, which needs the
/// swap.) An IPv4 address is in the low 32 bits of `low`, and all other bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Address {
    /// Bytes 0 to 7 of an IPv6 address.
    pub high: u64,
    /// Bytes 8 to 15 of an IPv6 address, or an IPv4 address.
    pub low: u64,
    /// The family, or [`Family::NONE`] if there is no address.
    pub family: Family,
}

impl Address {
    /// The address of a packet that has none.
    pub const NONE: Self = Self { high: 0, low: 0, family: Family::NONE };

    /// Makes an address of the bytes in an IPv4 header.
    #[inline(always)]
    #[must_use]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self { high: 0, low: u32::from_ne_bytes(bytes) as u64, family: Family::V4 }
    }

    /// Makes an address of the bytes in an IPv6 header.
    #[inline(always)]
    #[must_use]
    pub const fn v6(bytes: [u8; 16]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self {
            high: u64::from_ne_bytes(words[0]),
            low: u64::from_ne_bytes(words[1]),
            family: Family::V6,
        }
    }

    /// Converts to the standard library's type. Returns `None` for [`Address::NONE`].
    #[must_use]
    pub fn to_ip(self) -> Option<core::net::IpAddr> {
        match self.family {
            Family::V4 => Some(core::net::IpAddr::from((self.low as u32).to_ne_bytes())),
            Family::V6 => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&self.high.to_ne_bytes());
                bytes[8..].copy_from_slice(&self.low.to_ne_bytes());
                Some(core::net::IpAddr::from(bytes))
            }
            _ => None,
        }
    }
}

impl From<core::net::IpAddr> for Address {
    fn from(address: core::net::IpAddr) -> Self {
        match address {
            core::net::IpAddr::V4(v4) => Self::v4(v4.octets()),
            core::net::IpAddr::V6(v6) => Self::v6(v6.octets()),
        }
    }
}
