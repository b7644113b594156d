//! What the kernel hands to user space: one record per packet, in a ring per CPU.
//!
//! A record is a [`RecordHeader`] and then the inner packet, or an outer frame that may hold several
//! ([`RecordHeader::frame`]). The kernel reserves records of
//! constant size only, so a packet takes the smallest class that holds it.

use super::class::ProtocolClass;
use crate::{
    segment::Segment,
    tunnel::LinkType,
    wire::{Address, Family},
};

/// The most rings there can be: one per CPU.
pub const MAX_RINGS: usize = 1024;

/// Calls the macro `$then` with the sizes of the record classes, in bytes of packet.
///
/// A record occupies its class, the record header, and 8 bytes of the ring's own. All but the largest
/// class make this a multiple of a cache line. The largest holds the longest super-frame that the
/// kernel can copy out of an XDP frame.
#[macro_export]
macro_rules! record_classes {
    ($then:ident) => {
        $then! {
            64, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 9216, 16384,
            32768, 65536, 98_303
        }
    };
}

macro_rules! class_list {
    ($($size:literal),+) => {
        /// The sizes of [`record_classes`].
        pub const CLASSES: &[u32] = &[$($size),+];
    };
}
record_classes!(class_list);

/// The class below that of `size` bytes, or zero for the smallest.
#[must_use]
pub const fn class_below(size: u32) -> u32 {
    let mut below = 0;
    let mut index = 0;
    while index < CLASSES.len() && CLASSES[index] < size {
        below = CLASSES[index];
        index += 1;
    }
    below
}

/// The largest inner packet that a record holds.
pub const MAX_CAPLEN: u32 = CLASSES[CLASSES.len() - 1];

/// What a record header says of a packet.
#[derive(Clone, Copy, Debug)]
pub struct RecordFields {
    /// `CLOCK_MONOTONIC`, in nanoseconds, when the program saw the packet.
    pub timestamp: u64,
    /// Bytes of the inner packet that are captured.
    pub caplen: u32,
    /// Its length on the wire, before a tap cut it.
    pub wirelen: u32,
    /// Network identifier, 24 bits.
    pub vni: u32,
    /// What the packet begins with.
    pub link: LinkType,
    /// How `by_proto` counts it.
    pub class: ProtocolClass,
    /// The tunnel's source address.
    pub outer_src: Address,
    /// The tunnel's destination address, of the same family.
    pub outer_dst: Address,
    /// The tunnel's source port, as it lies in memory.
    pub outer_src_port: u64,
    /// The receive queue. Only the low 16 bits are kept.
    pub rx_queue: u32,
}

/// The head of a record. Integers are in the machine's byte order unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RecordHeader {
    /// `CLOCK_MONOTONIC`, in nanoseconds, when the program saw the packet.
    pub timestamp: u64,
    /// Bytes of the inner packet that follow.
    pub caplen: u32,
    /// Its length on the wire, before a tap cut it.
    pub wirelen: u32,
    /// Network identifier in the low 24 bits; above them the link type, the family of the outer
    /// addresses, and the protocol class.
    vni_and_kind: u32,
    /// The tunnel's source port, in the byte order of the wire.
    outer_src_port: u16,
    /// The low 16 bits of the receive queue's number.
    pub rx_queue: u16,
    /// The tunnel's source, as in [`Address`].
    outer_src: [u64; 2],
    /// The tunnel's destination.
    outer_dst: [u64; 2],
}

const _: () = assert!(size_of::<RecordHeader>() == 56);

const LINK_SHIFT: u32 = 24;
const OUTER_V6_SHIFT: u32 = 25;
const FRAME_SHIFT: u32 = 26;
const CLASS_SHIFT: u32 = 28;

impl RecordHeader {
    /// Packs the fields.
    #[inline(always)]
    #[must_use]
    pub const fn new(fields: &RecordFields) -> Self {
        let RecordFields { timestamp, caplen, wirelen, vni, link, class, .. } = *fields;
        let RecordFields { outer_src, outer_dst, outer_src_port, rx_queue, .. } = *fields;
        let outer_v6 = outer_src.family.0 == Family::V6.0;
        Self {
            timestamp,
            caplen,
            wirelen,
            vni_and_kind: vni
                | ((link as u32) << LINK_SHIFT)
                | ((outer_v6 as u32) << OUTER_V6_SHIFT)
                | ((class as u32) << CLASS_SHIFT),
            outer_src_port: outer_src_port as u16,
            rx_queue: rx_queue as u16,
            outer_src: [outer_src.high, outer_src.low],
            outer_dst: [outer_dst.high, outer_dst.low],
        }
    }

    /// Describes a whole outer frame, of which all `caplen` bytes follow, and in which there may be
    /// several datagrams.
    #[inline(always)]
    #[must_use]
    pub const fn frame(segment: Segment, caplen: u32, timestamp: u64, rx_queue: u32) -> Self {
        Self {
            timestamp,
            caplen,
            wirelen: caplen,
            vni_and_kind: (segment.bytes() & 0x00ff_ffff) | (1 << FRAME_SHIFT),
            outer_src_port: 0,
            rx_queue: rx_queue as u16,
            outer_src: [0; 2],
            outer_dst: [0; 2],
        }
    }

    /// What is known of the datagrams in it, if the record is of an outer frame and not of an inner
    /// packet.
    #[must_use]
    pub const fn segment(&self) -> Option<Segment> {
        if self.vni_and_kind >> FRAME_SHIFT & 1 == 0 {
            return None;
        }
        Some(Segment::of(self.vni_and_kind & 0x00ff_ffff))
    }

    /// Network identifier.
    #[must_use]
    pub const fn vni(&self) -> u32 {
        self.vni_and_kind & 0x00ff_ffff
    }

    /// The tunnel's source port.
    #[must_use]
    pub const fn outer_src_port(&self) -> u16 {
        u16::from_be(self.outer_src_port)
    }

    /// What the packet begins with.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        if self.vni_and_kind >> LINK_SHIFT & 1 == 0 { LinkType::Ethernet } else { LinkType::RawIp }
    }

    /// How `by_proto` counts the packet.
    #[must_use]
    pub const fn class(&self) -> ProtocolClass {
        let index = (self.vni_and_kind >> CLASS_SHIFT) as usize;
        if index < ProtocolClass::NAMES.len() {
            ProtocolClass::NAMES[index].0
        } else {
            ProtocolClass::Other
        }
    }

    /// The tunnel's source address.
    #[must_use]
    pub const fn outer_src(&self) -> Address {
        self.outer(self.outer_src)
    }

    /// The tunnel's destination address.
    #[must_use]
    pub const fn outer_dst(&self) -> Address {
        self.outer(self.outer_dst)
    }

    const fn outer(&self, [high, low]: [u64; 2]) -> Address {
        let v6 = self.vni_and_kind >> OUTER_V6_SHIFT & 1 != 0;
        Address { high, low, family: if v6 { Family::V6 } else { Family::V4 } }
    }

    /// Splits a record into its header and the captured bytes. `None` if it is too short.
    #[must_use]
    pub fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let (header, data) = record.split_at_checked(size_of::<Self>())?;
        // SAFETY: as long as `Self`; integers only, so any bytes are a value; read unaligned.
        let header = unsafe { header.as_ptr().cast::<Self>().read_unaligned() };
        Some((header, data.get(..header.caplen as usize)?))
    }
}
