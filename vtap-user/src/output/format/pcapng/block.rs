//! Blocks and their options, in the byte order of this machine.

use bytes::BufMut as _;

const END_OF_OPTIONS: u16 = 0;

/// Appends a block with this body.
pub fn put(bytes: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = bytes.len();
    bytes.put_u32_ne(kind);
    bytes.put_u32_ne(0);
    body(bytes);
    let len = ((bytes.len() - begin) as u32 + 4).to_ne_bytes();
    bytes[begin + 4..begin + 8].copy_from_slice(&len);
    bytes.put_slice(&len);
}

/// Appends an option, padded to 32 bits. Text that is longer than an option holds is cut.
pub fn put_option(bytes: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(u16::MAX.into())];
    bytes.put_u16_ne(code);
    bytes.put_u16_ne(value.len() as u16);
    bytes.put_slice(value);
    bytes.put_bytes(0, padding(value.len()));
}

/// Appends what ends a list of options.
pub fn end_options(bytes: &mut Vec<u8>) {
    put_option(bytes, END_OF_OPTIONS, &[]);
}

/// Bytes that are missing to a multiple of 32 bits.
pub const fn padding(len: usize) -> usize {
    len.next_multiple_of(4) - len
}
