//! The parts of a frame that depend on its length. This file is compiled into the BPF object and
//! into the user-space tool.

/// Offsets of the fields that depend on a frame's length: total length and checksum of the outer
/// IPv4 header, length in the outer UDP header, the same three of the inner frame, and the inner
/// UDP checksum.
pub const FIELDS: [usize; 7] = [16, 24, 38, 66, 74, 88, 90];

/// Offset of the outer source port, which tells flows apart.
pub const SOURCE_PORT: usize = 34;

/// The first of the source ports; the others follow it.
pub const FIRST_PORT: u16 = 49_152;

/// A frame's length, and the values at [`FIELDS`] that go with it, in the byte order of the wire.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Shape {
    /// Bytes of the whole frame.
    pub len: u16,
    /// The fields.
    pub fields: [u16; FIELDS.len()],
}

/// How many copies of its frame one run of the generator for large frames sends.
pub const COPIES: u32 = 16;

/// The number of frames in the mix. After the last one, the mix starts again.
pub const MIX: usize = 12;
