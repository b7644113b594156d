//! A packet on its way from the drain to the outputs.

use vtap_common::record::RecordHeader;

/// One inner packet, in ring or file memory.
#[derive(Clone, Copy)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970-01-01 00:00 UTC.
    pub time: u64,
    /// Where it came from, and its length on the wire.
    pub header: &'a RecordHeader,
    /// Its captured bytes, from the link header (or the IP header) on.
    pub data: &'a [u8],
}
