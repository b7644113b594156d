//! MPLS label stacks (RFC 3032).

use super::{Input, Kind, View, ip_version};

/// Labels of a stack that are read.
const MAX_LABELS: usize = 16;

/// A whole label stack.
#[derive(Clone, Copy, Debug)]
pub struct Mpls<'a> {
    input: Input<'a>,
}

/// One label stack entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry(u32);

impl Entry {
    /// Bytes of an entry.
    const LEN: usize = 4;

    /// The label, 20 bits.
    #[must_use]
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class, 3 bits (RFC 5462).
    #[must_use]
    pub const fn traffic_class(self) -> u32 {
        self.0 >> 9 & 7
    }

    /// Whether it is the last of the stack.
    #[must_use]
    pub const fn is_bottom(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    /// Time to live.
    #[must_use]
    pub const fn ttl(self) -> u32 {
        self.0 & 0xff
    }
}

impl<'a> Mpls<'a> {
    /// The entries down to the bottom of the stack, as far as they were captured, and no more than
    /// [`MAX_LABELS`].
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let mut is_done = false;
        (0..MAX_LABELS).map_while(move |place| {
            let entry = self.input.u32(place * Entry::LEN).map(Entry).filter(|_| !is_done)?;
            is_done = entry.is_bottom();
            Some(entry)
        })
    }

    /// What is below the stack, or `None` where its bottom was not read.
    #[must_use]
    pub fn payload(&self) -> Option<Input<'a>> {
        let (count, last) = self.entries().zip(1..).last().map(|(entry, count)| (count, entry))?;
        last.is_bottom().then(|| self.input.after(count * Entry::LEN))
    }

    /// Whether the stack has more labels than are read.
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        self.entries().count() == MAX_LABELS && self.payload().is_none()
    }
}

impl<'a> View<'a> for Mpls<'a> {
    fn new(_: Kind, input: Input<'a>) -> Self {
        Self { input }
    }

    /// No field names the payload. As other tools do, its first four bits are taken for an IP version.
    fn inside(&self) -> Option<(Kind, Input<'a>)> {
        let payload = self.payload()?;
        ip_version(payload).map(|ether_type| (Kind::EtherType(ether_type), payload))
    }
}
