//! Address prefixes, in a form that is cheap to compare with an address.

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
    /// Contains every address, and also [`Address::NONE`].
    pub const ANY: Self = Self { network: Address::NONE, mask: Address::NONE };

    /// The prefix `address/length`. `None` if the length is too great for the family. Host bits are
    /// cleared.
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

    /// Zero if the prefix contains `address`. The [module](super) says why this is not a `bool`.
    #[inline(always)]
    pub(crate) const fn mismatch(&self, address: &Address) -> u64 {
        let Self { network, mask } = self;
        ((address.high ^ network.high) & mask.high)
            | ((address.low ^ network.low) & mask.low)
            | ((address.family.0 ^ network.family.0) & mask.family.0)
    }

    /// For each of the four [words] of an address, the range of values that the prefix allows.
    pub(crate) fn words(&self) -> [Range; WORDS] {
        let family = self.network.family;
        if self.mask.family == Family::NONE {
            return [Range::ANY; WORDS];
        }
        let first = words(&self.network);
        // `words` arranges an address by its family, so the mask must have the family of the
        // network. `V4_BASE`, which `words` adds to an IPv4 address, is above the low 32 bits and
        // does not affect `rest`.
        let mask = words(&Address { family, ..self.mask });
        core::array::from_fn(|word| {
            let rest = !mask[word] & u64::from(u32::MAX);
            // A word that may have any value needs no boundaries in its table, so that the lookup
            // skips the table. The first word is different, because it also tells the families
            // apart.
            let any = word > 0 && rest == u64::from(u32::MAX);
            if any { Range::ANY } else { Range::between(first[word], first[word] | rest) }
        })
    }

    /// Whether the prefix contains `address`.
    #[must_use]
    pub const fn contains(&self, address: &Address) -> bool {
        self.mismatch(address) == 0
    }
}

/// The number of integers that [`words`] makes of an address.
pub(super) const WORDS: usize = 4;

/// Added to an IPv4 address in the first word, so that it is greater than the first word of any
/// IPv6 address.
const V4_BASE: u64 = 1 << 32;

/// Converts an address to four integers in native byte order, for the lookup of rules. A prefix
/// then corresponds to a range of values in each of them. An IPv6 address becomes its four 32-bit
/// words. An IPv4 address becomes the first word, and the others are zero. [`Address::NONE`] has a
/// first word that is greater than that of any address, so that no prefix contains it.
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
