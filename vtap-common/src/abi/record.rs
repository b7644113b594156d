//! Records: the form in which the kernel passes packets to user space, through one ring per CPU.
//!
//! A record is a [`RecordHeader`] followed by an inner packet. If a frame may hold several
//! datagrams, the whole outer frame follows instead ([`RecordHeader::frame`]), and user space
//! splits it.
//!
//! `bpf_ringbuf_reserve` takes only sizes that the verifier knows. (`bpf_ringbuf_reserve_dynptr`
//! takes any size, but needs Linux 5.19.) So there is a fixed list of sizes, the record *classes*,
//! and a packet uses the smallest class that holds it.

use super::{class::ProtocolClass, segment::Segment};
use crate::{
    tunnel::LinkType,
    wire::{Address, Family},
};

/// The most rings there can be. There is one ring per CPU, so more CPUs cannot be served.
pub const MAX_RINGS: usize = 1024;

/// Calls the macro `$then` with the sizes of the record classes: how many packet bytes each holds.
///
/// In the ring, a record takes up the size of its class, the record header (56 bytes), and the
/// ring's own header (8 bytes), rounded up to 8 bytes. With each of these classes, that is a
/// multiple of a cache line (64 bytes). The largest class is the most that two calls of
/// `bpf_xdp_load_bytes` can copy from any offset up to `MAX_HEADER_OFFSET`: 32 KiB by the first and
/// 65,535 bytes by the second.
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

/// The largest class that is smaller than `size` bytes, or zero if there is none.
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

/// The most bytes of an inner packet that a record can hold.
pub const MAX_CAPLEN: u32 = CLASSES[CLASSES.len() - 1];

/// The unpacked contents of a [`RecordHeader`].
#[derive(Clone, Copy, Debug)]
pub struct RecordFields {
    /// `CLOCK_MONOTONIC`, in nanoseconds, when the program saw the packet.
    pub timestamp: u64,
    /// Number of captured bytes of the inner packet.
    pub caplen: u32,
    /// Length of the inner packet before the tap truncated it.
    pub wirelen: u32,
    /// Network identifier, 24 bits.
    pub vni: u32,
    /// What the packet begins with.
    pub link: LinkType,
    /// The group under which the inner packet is counted.
    pub class: ProtocolClass,
    /// The tunnel's source address.
    pub outer_src: Address,
    /// The tunnel's destination address, of the same family.
    pub outer_dst: Address,
    /// The tunnel's source port, in network byte order.
    pub outer_src_port: u64,
    /// The receive queue. Only the low 16 bits are kept.
    pub rx_queue: u32,
}

/// The header of a record. Integers are in native byte order unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct RecordHeader {
    /// `CLOCK_MONOTONIC`, in nanoseconds, when the program saw the packet.
    pub timestamp: u64,
    /// Number of bytes of the inner packet (or of the outer frame) that follow the header.
    pub caplen: u32,
    /// Length of the inner packet before the tap truncated it.
    pub wirelen: u32,
    /// Bits 0 to 23: the network identifier, or the segment length if the record is an outer frame.
    /// Bit 24: the link type. Bit 25: whether the outer addresses are IPv6. Bit 26: whether the
    /// record is an outer frame. Bits 28 to 31: the protocol class.
    vni_and_kind: u32,
    /// The tunnel's source port, in network byte order.
    outer_src_port: u16,
    /// The low 16 bits of the receive queue's number.
    pub rx_queue: u16,
    /// The tunnel's source address: [`Address::high`] and [`Address::low`].
    outer_src: [u64; 2],
    /// The tunnel's destination address, likewise.
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

    /// Makes the header of a record that holds a whole outer frame, which may hold several
    /// datagrams. The frame is `caplen` bytes long.
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

    /// What is known about the datagrams in the outer frame that the record holds. `None` if the
    /// record holds an inner packet. The other accessors are meaningful only in that case.
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

    /// The group under which the packet is counted.
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

    /// Splits a record into its header and the captured bytes. Returns `None` if the record is too
    /// short for the header, or for as many bytes as the header states.
    #[must_use]
    pub fn split(record: &[u8]) -> Option<(Self, &[u8])> {
        let (header, data) = record.split_at_checked(size_of::<Self>())?;
        // SAFETY: `header` is as long as `Self`, `Self` consists of integers without padding (so
        // any bytes are valid), and the read needs no alignment.
        let header = unsafe { header.as_ptr().cast::<Self>().read_unaligned() };
        Some((header, data.get(..header.caplen as usize)?))
    }
}
