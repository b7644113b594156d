//! Frames that the kernel side takes as plain.

use vtap_common::{
    counters::Counters,
    examine_plain,
    packet::{Header, PLAIN_DATAGRAM, PLAIN_HEADERS, Packet},
    selection::Selection,
};

/// A frame, looked at as the XDP program first does.
struct Plain<'a>(&'a [u8]);

impl Packet for Plain<'_> {
    type Ref<'a, T: Header + 'a>
        = <&'a [u8] as Packet>::Ref<'a, T>
    where
        Self: 'a;

    const PLAIN: bool = true;

    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    fn header<T: Header>(&self, offset: u32) -> Option<Self::Ref<'_, T>> {
        self.0.header(offset)
    }
}

/// Bytes of a frame that `received` leaves out, of which `first` are in the first buffer: those in
/// further buffers, where the frame is plain and the datagram ends with the first.
pub fn unseen(frame: &[u8], first: usize, selection: &Selection) -> u64 {
    let (head, rest) = frame.split_at(first);
    let at = PLAIN_DATAGRAM as usize;
    let ends = head
        .get(at + 4..at + 6)
        .is_some_and(|len| at + usize::from(u16::from_be_bytes([len[0], len[1]])) == first);
    let plain = || examine_plain(&Plain(head), selection, &mut Counters::ZERO.clone()).is_some();
    if first >= PLAIN_HEADERS && ends && plain() { rest.len() as u64 } else { 0 }
}
