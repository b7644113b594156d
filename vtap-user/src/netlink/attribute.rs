//! Attributes of netlink messages: `struct nlattr`, a type and a value of any bytes.

use super::message::aligned;

/// Bytes of `struct nlattr`.
const HEADER: usize = 4;
/// `NLA_TYPE_MASK`: the two upper bits say that a value is nested, or in network byte order.
const TYPE_MASK: u16 = 0x3fff;
/// `NLA_F_NESTED`.
const NESTED: u16 = 1 << 15;

/// The attributes of a message behind its fixed structure, or inside an attribute that nests them:
/// types and values, up to the first whose length is wrong.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let &[l0, l1, t0, t1] = rest.first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = rest.get(HEADER..len)?;
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some((u16::from_ne_bytes([t0, t1]) & TYPE_MASK, value))
    })
}

/// A number as the host writes it. `None` if the value is shorter.
#[must_use]
pub fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_ne_bytes)
}

/// A port as the network writes it. `None` if the value is shorter.
#[must_use]
pub fn port(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_be_bytes)
}

/// A string of any bytes, without the zero at its end.
#[must_use]
pub fn string(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The payload of a request: a fixed structure and attributes.
#[derive(Clone, Debug, Default)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// Begins with the bytes of the fixed structure that the request's kind asks for.
    #[must_use]
    pub fn new(fixed: &[u8]) -> Self {
        Self(fixed.to_vec())
    }

    /// Adds an attribute. The value is shorter than 64 KiB.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.resize(aligned(self.0.len()), 0);
        self.0.extend(((HEADER + value.len()) as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self
    }

    /// Adds an attribute that holds attributes.
    #[must_use]
    pub fn with_nested(self, kind: u16, attributes: &Self) -> Self {
        self.with(kind | NESTED, &attributes.0)
    }

    /// As it is sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_read_again() {
        let inner = Payload::default().with(1, b"vlan\0").with(2, b"");
        let payload = Payload::new(&[9; 16]).with(3, b"\xff").with_nested(18, &inner);
        let all: Vec<_> = attributes(&payload.bytes()[16..]).collect();
        let [(3, b"\xff"), (18, nested)] = all[..] else { panic!("{all:?}") };
        let nested: Vec<_> = attributes(nested).collect();
        assert_eq!(nested, [(1, &b"vlan\0"[..]), (2, &b""[..])]);
        assert_eq!(string(nested[0].1), b"vlan");
    }

    #[test]
    fn a_length_that_lies_ends_the_walk() {
        for len in [0_u16, 3, 9, u16::MAX] {
            let mut bytes = Payload::default().with(5, &[1; 4]).bytes().to_vec();
            bytes[..2].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(attributes(&bytes).count(), 0, "{len}");
        }
    }

    #[test]
    fn values_that_are_too_short() {
        assert_eq!((number(&[1; 3]), port(&[1])), (None, None));
        assert_eq!((port(&[0x12, 0xb5]), string(b"")), (Some(4789), &b""[..]));
    }
}
