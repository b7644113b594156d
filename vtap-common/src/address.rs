//! Addresses and prefixes in the form that is compared per packet.

use crate::selection::Range;

/// An address family. As wide as the words of an [`Address`], so that there is no padding: the
/// compiler would move it about on the stack in pieces that the verifier refuses.
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

/// An address of either family as two words of its bytes, in the order of memory.
///
/// Nothing is byte-swapped per packet: prefixes are kept in the same order. An IPv4 address is
/// the low half of `low`; the rest is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Address {
    /// Bytes 0 to 7 of an IPv6 address.
    pub high: u64,
    /// Bytes 8 to 15 of an IPv6 address, or an IPv4 address.
    pub low: u64,
    /// Which it is.
    pub family: Family,
}

impl Address {
    /// The address of a packet that has none.
    pub const NONE: Self = Self { high: 0, low: 0, family: Family::NONE };

    /// From the bytes of an IPv4 header.
    #[inline(always)]
    #[must_use]
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self { high: 0, low: u32::from_ne_bytes(bytes) as u64, family: Family::V4 }
    }

    /// From the bytes of an IPv6 header.
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

    /// Words of 32 bits, in which a prefix is an interval of numbers.
    pub(crate) const WORDS: usize = 4;

    /// The words as numbers, the first first.
    #[inline(always)]
    pub(crate) const fn words(&self) -> [u64; Self::WORDS] {
        let (high, low) = (u64::from_be(self.high), u64::from_be(self.low));
        [high >> 32, high & u32::MAX as u64, low >> 32, low & u32::MAX as u64]
    }

    /// The inverse of [`Address::v4`] and [`Address::v6`].
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

/// A prefix: the addresses of one family that agree with `network` under `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cidr {
    network: Address,
    mask: Address,
}

impl Cidr {
    /// Contains every packet's address, even of those that have none.
    pub const ANY: Self = Self { network: Address::NONE, mask: Address::NONE };

    /// `address/length`, or `None` where the length is too great for the family. Host bits are
    /// dropped.
    #[must_use]
    pub fn new(address: core::net::IpAddr, length: u8) -> Option<Self> {
        let mask = match address {
            core::net::IpAddr::V4(_) if length <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Address::v4(mask.to_be_bytes())
            }
            core::net::IpAddr::V6(_) if length <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Address::v6(mask.to_be_bytes())
            }
            _ => return None,
        };
        let address = Address::from(address);
        let network =
            Address { high: address.high & mask.high, low: address.low & mask.low, ..address };
        Some(Self { network, mask: Address { family: Family(u64::MAX), ..mask } })
    }

    /// Zero where `address` lies within; see [`selection`](crate::selection) on why not a `bool`.
    #[inline(always)]
    pub(crate) const fn mismatch(&self, address: &Address) -> u64 {
        let Self { network, mask } = self;
        ((address.high ^ network.high) & mask.high)
            | ((address.low ^ network.low) & mask.low)
            | ((address.family.0 ^ network.family.0) & mask.family.0)
    }

    /// The values of each of an address's words.
    pub(crate) fn words(&self) -> [Range; Address::WORDS] {
        let (network, mask) = (self.network.words(), self.mask.words());
        core::array::from_fn(|word| {
            let (first, mask) = (network[word] as u32, mask[word] as u32);
            if mask == 0 { Range::ANY } else { Range::between(first, first | !mask) }
        })
    }

    /// The families, as numbers.
    pub(crate) const fn family(&self) -> Range {
        if self.mask.family.0 == 0 { Range::ANY } else { Range::just(self.network.family.0 as u32) }
    }

    /// Whether `address` lies within.
    #[must_use]
    pub const fn contains(&self, address: &Address) -> bool {
        self.mismatch(address) == 0
    }
}
