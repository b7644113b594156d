//! Prefixes, in the form that is compared per packet.

use super::range::Range;
use crate::wire::{Address, Family};

/// A prefix: the addresses of one family that agree with `network` under `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Cidr {
    network: Address,
    mask: Address,
}

impl Cidr {
    /// Contains every address, and the lack of one.
    pub const ANY: Self = Self { network: Address::NONE, mask: Address::NONE };

    /// `address/length`, or `None` if the length is too great for the family. Host bits are dropped.
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

    /// Zero where `address` lies within; the [module](super) says why this is not a `bool`.
    #[inline(always)]
    pub(crate) const fn mismatch(&self, address: &Address) -> u64 {
        let Self { network, mask } = self;
        ((address.high ^ network.high) & mask.high)
            | ((address.low ^ network.low) & mask.low)
            | ((address.family.0 ^ network.family.0) & mask.family.0)
    }

    /// Which values each of an address's [words] may have.
    pub(crate) fn words(&self) -> [Range; WORDS] {
        let family = self.network.family;
        if self.mask.family == Family::NONE {
            return [Range::ANY; WORDS];
        }
        let first = words(&self.network);
        // `words` adds the same bits for the family to both.
        let mask = words(&Address { family, ..self.mask });
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

/// Numbers that stand for an address; see [`words`].
pub(super) const WORDS: usize = 4;

/// Where IPv4 addresses begin among first words: behind all those of IPv6 addresses.
const V4_BASE: u64 = 1 << 32;

/// An address as four numbers, in each of which a prefix is an interval: the 32-bit words of an IPv6
/// address, or an IPv4 address as the first.
#[inline(always)]
pub(super) const fn words(address: &Address) -> [u64; WORDS] {
    match address.family {
        Family::V4 => [V4_BASE | u32::from_be(address.low as u32) as u64, 0, 0, 0],
        Family::V6 => {
            let (high, low) = (u64::from_be(address.high), u64::from_be(address.low));
            [high >> 32, high & u32::MAX as u64, low >> 32, low & u32::MAX as u64]
        }
        _ => [2 * V4_BASE, 0, 0, 0],
    }
}
