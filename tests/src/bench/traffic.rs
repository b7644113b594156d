//! The frames that are sent: inner UDP over IPv4, in VXLAN over IPv4.

use anyhow::{Result, ensure};
use vtap_tests::frames::{VXLAN, outer, pattern, udp, vxlan};

use self::shape::{FIELDS, FIRST_PORT, MIX, SOURCE_PORT, Shape};

#[path = "../../../vtap-ebpf/src/bench/shape.rs"]
pub mod shape;

/// Tap and target.
const OUTER: ([u8; 4], [u8; 4]) = ([10, 9, 0, 1], [10, 9, 0, 2]);
const VNI: u32 = 7;
const INNER_PORTS: (u16, u16) = (40_000, 5001);
/// Ethernet, IPv4 and UDP.
const INNER_HEADERS: usize = 14 + 20 + 8;
/// Where the outer UDP checksum is.
const OUTER_CHECKSUM: std::ops::Range<usize> = SOURCE_PORT + 6..SOURCE_PORT + 8;

/// The usual simple mix of the Internet's packet sizes, 7:4:1, interleaved.
pub const IMIX: [usize; MIX] = [64, 576, 64, 64, 576, 64, 1500, 64, 576, 64, 64, 576];

/// A mirrored frame around an inner frame of `size` bytes.
pub fn frame(size: usize) -> Result<Vec<u8>> {
    ensure!(size >= INNER_HEADERS, "an inner frame has {INNER_HEADERS} bytes at least");
    let inner = udp(INNER_PORTS, &pattern(1, size - INNER_HEADERS));
    let mut frame = outer(OUTER, (FIRST_PORT, VXLAN), &vxlan(VNI, &inner));
    // None, as the source port is changed on the way (RFC 7348, section 5, lets it be zero).
    frame[OUTER_CHECKSUM].fill(0);
    Ok(frame)
}

/// How frames of the mix differ.
pub fn shapes() -> Result<[Shape; MIX]> {
    let mut shapes = [Shape { len: 0, fields: [0; FIELDS.len()] }; MIX];
    for (shape, size) in shapes.iter_mut().zip(IMIX) {
        let frame = frame(size)?;
        shape.len = u16::try_from(frame.len())?;
        shape.fields = FIELDS.map(|at| u16::from_ne_bytes([frame[at], frame[at + 1]]));
    }
    Ok(shapes)
}
