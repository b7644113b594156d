//! Capture files that are compressed, which their first bytes tell.

mod gzip;

use std::io::{BufReader, Cursor, Read};

use anyhow::{Result, bail};

use self::gzip::Gzip;
use super::input;

/// Compressed bytes that are read at once.
const READ: usize = 1 << 18;
const MAGIC: usize = 4;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// With the bits of [`SKIPPABLE_KIND`] cleared: a frame without data, with which `pzstd` begins.
const ZSTD_SKIPPABLE: u32 = 0x184d_2a50;
const SKIPPABLE_KIND: u32 = 0xf;
/// What vtap does not read, with the program that does.
const OTHERS: [(&[u8], &str); 3] =
    [(b"\xfd7zX", "xz"), (b"BZh", "bzip2"), (b"\x04\x22\x4d\x18", "lz4")];

/// The bytes of a capture file, out of the compression that it is in, if any.
pub fn open(mut raw: impl Read + 'static) -> Result<Box<dyn Read>> {
    let mut magic = Vec::new();
    input::fill(&mut magic, MAGIC, &mut raw)?;
    if let Some((_, program)) = OTHERS.iter().find(|(other, _)| magic.starts_with(other)) {
        bail!(
            "it is compressed by {program}, and vtap reads gzip and zstd: try \
             `{program} -dc FILE | vtap capture -r -`"
        );
    }
    let is_gzip = magic.starts_with(&GZIP);
    let is_zstd = magic.first_chunk().is_some_and(|magic| {
        *magic == ZSTD || u32::from_le_bytes(*magic) & !SKIPPABLE_KIND == ZSTD_SKIPPABLE
    });
    let raw = Cursor::new(magic).chain(raw);
    Ok(if is_gzip {
        Box::new(Gzip::new(BufReader::with_capacity(READ, raw)))
    } else if is_zstd {
        // Frame after frame, with a window of 128 MiB at most.
        Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(READ, raw))?)
    } else {
        Box::new(raw)
    })
}
