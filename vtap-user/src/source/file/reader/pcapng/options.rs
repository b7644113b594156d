//! The options at the end of a block.

use super::super::order::Order;

const END: u16 = 0;
const HEADER: usize = 4;

/// Options by their codes, as far as they are whole.
pub struct Options<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl<'a> Options<'a> {
    /// Of a block that ends (but for its length) with these bytes.
    pub const fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, order }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (header, rest) = self.bytes.split_at_checked(HEADER)?;
        let (code, len) = (self.order.u16(header, 0), usize::from(self.order.u16(header, 2)));
        let value = rest.get(..len).filter(|_| code != END)?;
        self.bytes = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}
