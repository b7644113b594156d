//! What differs between frames of different lengths. Compiled into both sides of the generator.

/// Where those fields of a frame are that depend on its length: total length and checksum of the
/// outer IPv4 header, length of the outer UDP header; then the same of the inner frame, and its
/// UDP checksum.
pub const FIELDS: [usize; 7] = [16, 24, 38, 66, 74, 88, 90];

/// Place of the outer source port, which tells flows apart.
pub const SOURCE_PORT: usize = 34;

/// The first of the source ports; the others follow it.
pub const FIRST_PORT: u16 = 49_152;

/// A frame's length, and what stands at [`FIELDS`] then, in the byte order of the wire.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Shape {
    /// Bytes of the whole frame.
    pub len: u16,
    /// The fields.
    pub fields: [u16; FIELDS.len()],
}

/// Copies that one test run of the large-frame generator sends.
pub const COPIES: u32 = 16;

/// Frames of a mix, after which it begins anew.
pub const MIX: usize = 12;
