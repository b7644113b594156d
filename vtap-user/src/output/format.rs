//! How packets are written down: one file per format.

pub mod lines;
pub mod pcap;
pub mod pcapng;

use anyhow::Result;

use crate::packet::Packet;

/// Writes packets down, one after the other.
pub trait Format: Send {
    /// Appends what a stream begins with.
    fn header(&mut self, bytes: &mut Vec<u8>) {
        let _ = bytes;
    }

    /// Appends a packet, and before it whatever a reader must know first. After an error, the bytes
    /// appended are taken back and the output has failed.
    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()>;

    /// Appends what a stream ends with.
    fn trailer(&mut self, bytes: &mut Vec<u8>) {
        let _ = bytes;
    }

    /// Whether a packet takes so long that the lane's own thread must do it. Else the thread that
    /// empties the rings does, which saves a copy.
    fn is_expensive(&self) -> bool {
        false
    }
}
