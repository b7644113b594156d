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

    /// Numbers that stand for an address: see [`Address::words`].
    pub(crate) const WORDS: usize = 4;

    /// Where IPv4 addresses begin among first words, behind all those of IPv6 addresses.
    const V4_BASE: u64 = 1 << 32;

    /// An address as four numbers, in each of which a prefix is an interval: the words of an IPv6
    /// address, or an IPv4 address as the first.
    #[inline(always)]
    pub(crate) const fn words(&self) -> [u64; Self::WORDS] {
        match self.family {
            Family::V4 => [Self::V4_BASE | u32::from_be(self.low as u32) as u64, 0, 0, 0],
            Family::V6 => {
                let (high, low) = (u64::from_be(self.high), u64::from_be(self.low));
                [high >> 32, high & u32::MAX as u64, low >> 32, low & u32::MAX as u64]
            }
            _ => [2 * Self::V4_BASE, 0, 0, 0],
        }
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

    /// Which values each of an address's [words](Address::words) may have.
    pub(crate) fn words(&self) -> [Range; Address::WORDS] {
        let family = self.network.family;
        if self.mask.family == Family::NONE {
            return [Range::ANY; Address::WORDS];
        }
        let first = self.network.words();
        // The family's own bits are in both.
        let mask = Address { family, ..self.mask }.words();
        core::array::from_fn(|word| {
            let rest = !mask[word] & u64::from(u32::MAX);
            let any = word > 0 && rest == u64::from(u32::MAX);
            if any { Range::ANY } else { Range::between(first[word], first[word] | rest) }
        })
    }

    /// Whether `address` lies within.
    #[must_use]
    pub const fn contains(&self, address: &Address) -> bool {
        self.mismatch(address) == 0
    }
}
