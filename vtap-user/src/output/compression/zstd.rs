//! Zstandard: one frame, in which a flush ends a block.

use std::io;

use zstd::stream::raw::{Encoder, InBuffer, Operation as _, OutBuffer};

use super::Compression;

/// Room that is made at a time for what the encoder gives.
const ROOM: usize = 64 << 10;

/// The last block of a frame, with nothing in it (RFC 8878, section 3.1.1.2).
const LAST_BLOCK: [u8; 3] = [1, 0, 0];

struct Zstd(Encoder<'static>);

/// At the usual level.
pub fn make() -> io::Result<Box<dyn Compression>> {
    Ok(Box::new(Zstd(Encoder::new(zstd::DEFAULT_COMPRESSION_LEVEL)?)))
}

impl Compression for Zstd {
    fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            append(out, |buffer| self.0.run(&mut input, buffer))?;
        }
        Ok(())
    }

    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while append(out, |buffer| self.0.flush(buffer))? > 0 {}
        Ok(())
    }

    fn ending(&self) -> Vec<u8> {
        LAST_BLOCK.to_vec()
    }
}

/// Lets the encoder write behind what is in `out`.
fn append(
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
) -> io::Result<usize> {
    out.reserve(ROOM);
    let end = out.len();
    encode(&mut OutBuffer::around_pos(out, end))
}
