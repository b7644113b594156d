//! Many packets at once, so that what each hand-over costs is shared.

use crate::packet::Packet;

/// Bytes that are handed over at once: many packets, and still within a CPU's cache.
pub const SIZE: usize = 256 << 10;

/// What a lane's thread is handed.
pub enum Batch {
    /// Written down already.
    Records(Records),
    /// Still to be written down, by that thread.
    Packets(Packets),
}

/// Whole records of a format.
pub struct Records {
    /// The records.
    pub bytes: Vec<u8>,
    /// Where in the bytes the stream's header ends, before there is any packet.
    pub header: usize,
    /// Where in the bytes each packet ends.
    pub ends: Vec<usize>,
}

/// Packets as they were captured.
pub struct Packets {
    /// The bytes of all, one after the other.
    bytes: Vec<u8>,
    /// Each without its bytes, and where these end.
    packets: Vec<(Packet<'static>, usize)>,
}

impl Batch {
    /// Bytes in it.
    pub const fn len(&self) -> usize {
        match self {
            Self::Records(records) => records.bytes.len(),
            Self::Packets(packets) => packets.bytes.len() + size_of_val(packets.packets.as_slice()),
        }
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is time to hand it over.
    pub const fn is_full(&self) -> bool {
        self.len() >= SIZE
    }

    /// An empty one of the same kind.
    pub fn like(&self) -> Self {
        match self {
            Self::Records(_) => Self::Records(Records::new()),
            Self::Packets(_) => Self::Packets(Packets::new()),
        }
    }

    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        match self {
            Self::Records(records) => records.clear(),
            Self::Packets(packets) => packets.clear(),
        }
    }
}

impl Records {
    /// With room for what is written at once.
    pub fn new() -> Self {
        let bytes = Vec::with_capacity(2 * SIZE);
        Self { bytes, header: 0, ends: Vec::with_capacity(SIZE / 128) }
    }

    /// Empties them and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.header = 0;
        self.ends.clear();
    }
}

impl Packets {
    /// With room for what is handed over at once.
    pub fn new() -> Self {
        let bytes = Vec::with_capacity(2 * SIZE);
        Self { bytes, packets: Vec::with_capacity(SIZE / 128) }
    }

    /// Takes a copy.
    pub fn push(&mut self, packet: &Packet<'_>) {
        self.bytes.extend_from_slice(packet.data);
        self.packets.push((Packet { data: &[], ..*packet }, self.bytes.len()));
    }

    /// The packets, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut begin = 0;
        self.packets.iter().map(move |(packet, end)| {
            let data = &self.bytes[std::mem::replace(&mut begin, *end)..*end];
            Packet { data, ..*packet }
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
    }
}
