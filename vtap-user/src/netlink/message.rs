//! The framing of netlink messages: `struct nlmsghdr`.

/// Every message and every attribute begins at a multiple of this.
const ALIGNMENT: usize = 4;
/// Bytes of `struct nlmsghdr`.
const HEADER: usize = 16;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is: `NLMSG_*`, `RTM_*`, …
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The number of the request that it answers; 0 if it answers none.
    pub sequence: u32,
    /// What is behind the header: in most families a fixed structure, then attributes.
    pub payload: &'a [u8],
}

/// The messages of a datagram, in their order, up to the first that is damaged.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let (header, _) = rest.split_first_chunk::<HEADER>()?;
        let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let payload = rest.get(HEADER..len)?;
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some(Message {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload,
        })
    })
}

/// A whole message, ready to be sent. The kernel fills in the sender's port.
pub(super) fn encode(message: &Message<'_>) -> Vec<u8> {
    let &Message { kind, flags, sequence, payload } = message;
    let len = (HEADER + payload.len()) as u32;
    let mut bytes = Vec::with_capacity(aligned(len as usize));
    bytes.extend(len.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// The next multiple of the alignment.
pub(super) const fn aligned(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_again() {
        let first = Message { kind: 16, flags: 2, sequence: 7, payload: b"odd" };
        let second = Message { kind: 3, flags: 0, sequence: 8, payload: b"" };
        let mut datagram = encode(&first);
        assert_eq!(datagram.len(), 19);
        datagram.push(0);
        datagram.extend(encode(&second));
        assert_eq!(messages(&datagram).collect::<Vec<_>>(), [first, second]);
    }

    #[test]
    fn a_length_that_lies_ends_the_datagram() {
        let good = encode(&Message { kind: 16, flags: 0, sequence: 1, payload: &[0; 8] });
        for len in [0_u32, 1, 15, 25, 1 << 20, u32::MAX] {
            let mut bad = good.clone();
            bad[..4].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(messages(&bad).count(), 0, "{len}");
            let both = [&good[..], &bad[..]].concat();
            assert_eq!(messages(&both).count(), 1, "{len}");
        }
        assert!((0..good.len()).all(|len| messages(&good[..len]).count() == 0));
    }
}
