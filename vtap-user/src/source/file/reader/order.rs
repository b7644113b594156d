//! The byte order in which a file has its numbers.

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The least significant.
    Little,
    /// The most significant.
    Big,
}

impl Order {
    /// The order in which the number that `bytes` begin with is `number`, if it is in any.
    pub fn of(bytes: &[u8], number: u32) -> Option<Self> {
        [Self::Little, Self::Big].into_iter().find(|order| order.u32(bytes, 0) == number)
    }

    /// The number at `at`, or zero where the bytes end before it does.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let bytes = number(bytes, at);
        if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    /// The number at `at`, or zero where the bytes end before it does.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let bytes = number(bytes, at);
        if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The first numbers, or zeros where the bytes end before them.
    #[inline]
    pub fn u32s<const N: usize>(self, bytes: &[u8]) -> [u32; N] {
        let (numbers, _) = bytes.as_chunks();
        let numbers = numbers.first_chunk().copied().unwrap_or([[0; 4]; N]);
        let little = numbers.map(u32::from_le_bytes);
        if self == Self::Big { little.map(u32::swap_bytes) } else { little }
    }

    /// The number at `at`, or zero where the bytes end before it does.
    #[inline]
    pub fn i64(self, bytes: &[u8], at: usize) -> i64 {
        let bytes = number(bytes, at);
        if self == Self::Big { i64::from_be_bytes(bytes) } else { i64::from_le_bytes(bytes) }
    }
}

#[inline]
fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
