//! How files are compressed, by the ending of their names: one file per method.

mod gzip;
#[cfg(test)]
mod tests;
mod zstd;

use std::{ffi::OsStr, io, path::Path};

/// Compresses one stream.
pub trait Compression: Send {
    /// Takes bytes, and appends what can be written already.
    fn compress(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()>;

    /// Appends what is missing so that a reader gets all that was taken.
    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()>;

    /// What makes the stream whole where the last flush ended. The stream can go on all the same if
    /// this is not written.
    fn ending(&self) -> Vec<u8>;
}

/// Makes a compression.
type Make = fn() -> io::Result<Box<dyn Compression>>;

/// All of them, each with the ending that asks for it.
const ALL: &[(&str, Make)] = &[("zst", zstd::make), ("gz", gzip::make)];

/// What the name of a file asks for.
pub fn of(path: &Path) -> io::Result<Option<Box<dyn Compression>>> {
    path.extension().and_then(named).map(|make| make()).transpose()
}

/// Whether such an ending asks for compression.
pub fn is_compressed(ending: &OsStr) -> bool {
    named(ending).is_some()
}

fn named(ending: &OsStr) -> Option<Make> {
    ALL.iter().find(|(name, _)| ending == *name).map(|(_, make)| *make)
}
