//! gzip (RFC 1952): one member, in which a flush ends a block of deflate.

use std::io;

use flate2::{Compress, Compression as Level, Crc, FlushCompress, Status};

use super::Compression;

/// Deflate; no flags, no time of modification; made on a Unix system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// The last block, with nothing in it. A flush ends with a whole byte, and so this begins with one.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// Room that is made at a time for what the encoder gives.
const ROOM: usize = 64 << 10;

struct Gzip {
    deflate: Compress,
    /// Of all that was taken: its checksum and its length.
    crc: Crc,
    /// Whether the header is still to be written.
    begins: bool,
}

/// At the usual level.
#[expect(clippy::unnecessary_wraps, reason = "stands in a list with compressions that can fail")]
pub fn make() -> io::Result<Box<dyn Compression>> {
    let deflate = Compress::new(Level::default(), false);
    Ok(Box::new(Gzip { deflate, crc: Crc::new(), begins: true }))
}

impl Gzip {
    /// Takes all bytes, and gives as much as `flush` asks for.
    fn run(&mut self, mut bytes: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> io::Result<()> {
        if std::mem::take(&mut self.begins) {
            out.extend_from_slice(&HEADER);
        }
        loop {
            out.reserve(ROOM);
            let before = self.deflate.total_in();
            let status = self.deflate.compress_vec(bytes, out, flush)?;
            bytes = &bytes[(self.deflate.total_in() - before) as usize..];
            // It has nothing more to give where it left room.
            let done = bytes.is_empty() && out.len() < out.capacity();
            if done || status == Status::StreamEnd {
                return Ok(());
            }
        }
    }
}

impl Compression for Gzip {
    fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.crc.update(bytes);
        self.run(bytes, out, FlushCompress::None)
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.run(&[], out, FlushCompress::Sync)
    }

    fn ending(&self) -> Vec<u8> {
        let (sum, len) = (self.crc.sum().to_le_bytes(), self.crc.amount().to_le_bytes());
        [&LAST_BLOCK[..], &sum, &len].concat()
    }
}
