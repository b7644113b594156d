//! One line per packet, as `tcpdump -n` writes it: one file per protocol.
//!
//! Sequence numbers are absolute, as with tcpdump's `-S`, because no state is kept between
//! packets; of what UDP carries only nested VXLAN is decoded. Only numbers, addresses and words of
//! this program are written, never bytes of a packet, so that nothing on the network can reach
//! the terminal.

mod arp;
mod ethernet;
mod icmp;
mod icmp6;
mod ip;
mod tcp;
#[cfg(test)]
mod tests;
mod transport;

use std::io::Write as _;

use crate::timestamp::Timestamp;

/// A line in the making. Writing to memory can't fail.
type Line = Vec<u8>;

/// Appends formatted text to a line.
macro_rules! put {
    ($line:expr, $($format:tt)+) => {{
        let _ = write!($line, $($format)+);
    }};
}
use put;

/// Appends words, which are known whatever the packet holds.
#[expect(clippy::unnecessary_wraps, reason = "stands beside functions that may find nothing")]
fn said(line: &mut Line, words: &str) -> Option<()> {
    line.extend_from_slice(words.as_bytes());
    Some(())
}

/// Tunnels within tunnels that are followed.
const MAX_DEPTH: u32 = 4;

/// Appends the line of a frame from its Ethernet header on; `wirelen` is its length before any cut.
pub fn frame(line: &mut Vec<u8>, frame: &[u8], wirelen: u32) {
    ethernet::put(line, frame, wirelen, 0);
}

/// Appends the line of a packet without link header.
pub fn raw_ip(line: &mut Vec<u8>, packet: &[u8], wirelen: u32) {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => ip::put_v4(line, packet, wirelen, 0),
        Some(6) => ip::put_v6(line, packet, wirelen, 0),
        Some(version) => put!(line, "unknown ip {version}"),
        None => put!(line, "[|ip]"),
    }
}

/// Appends the time of day in UTC, `12:00:00.123456`.
pub fn time_of_day(line: &mut Vec<u8>, time: Timestamp) {
    let seconds = time.seconds.rem_euclid(24 * 3600);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    put!(line, "{hour:02}:{minute:02}:{second:02}.{:06}", time.nanos / 1000);
}

/// The big-endian number at a place.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
}

/// The big-endian number at a place.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
