//! A stream of records, each of which is written whole or not at all.
//!
//! A compressed file is a row of zstd frames, one for each write: all of them but the last are good
//! whatever becomes of that one.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::Path,
};

use anyhow::{Context as _, Result};
use zstd::bulk::Compressor;

/// Bytes that are written at once: many packets, and still within a CPU's cache.
const BUFFER: usize = 256 << 10;

/// At the end of a file's name, asks for compression.
pub const ZSTD: &str = "zst";

/// Packets on their way to a file or a pipe, in any format.
pub struct Records {
    out: Out,
    /// For error messages.
    name: String,
    compressor: Option<Compressor<'static>>,
    /// Not yet written; whole records.
    buffer: Vec<u8>,
    /// Where in the buffer each packet ends.
    ends: Vec<usize>,
    /// Bytes written before the buffer.
    offset: u64,
    /// Packets written.
    packets: u64,
}

enum Out {
    File(File),
    Stdout(io::Stdout),
}

impl Records {
    /// Creates the file, compressed where its name ends in `.zst`.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| format!("cannot write {name}"))?;
        let mut records = Self::new(Out::File(file), name);
        if path.extension().is_some_and(|extension| extension == ZSTD) {
            records.compressor = Some(Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?);
        }
        Ok(records)
    }

    /// To standard output.
    pub fn stdout() -> Self {
        Self::new(Out::Stdout(io::stdout()), "standard output".into())
    }

    fn new(out: Out, name: String) -> Self {
        let buffer = Vec::with_capacity(2 * BUFFER);
        Self { out, name, compressor: None, buffer, ends: Vec::new(), offset: 0, packets: 0 }
    }

    /// Takes the parts of a block that is no packet.
    pub fn block(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
    }

    /// Takes the parts of a packet.
    pub fn packet(&mut self, parts: &[&[u8]]) -> Result<()> {
        self.block(parts);
        self.ends.push(self.buffer.len());
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes what was taken. On an error, what is there ends with the last whole packet.
    pub fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        if let Some(compressor) = &mut self.compressor {
            self.buffer = compressor.compress(&self.buffer)?;
            // A part of a frame is of no use: its packets count with its last byte.
            let end = self.buffer.len();
            self.ends.fill(end);
        }
        let mut done = 0;
        while done < self.buffer.len() {
            match self.out.write(&self.buffer[done..]) {
                Ok(0) => return self.cut_at(done, ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.cut_at(done, error),
            }
        }
        self.packets += self.ends.len() as u64;
        self.offset += done as u64;
        self.ends.clear();
        self.buffer.clear();
        Ok(())
    }

    /// Packets that are out.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Only `done` bytes of the buffer were written: takes back what is of no whole packet.
    fn cut_at(&mut self, done: usize, error: io::Error) -> Result<()> {
        let whole = self.ends.partition_point(|end| *end <= done);
        let kept = whole.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.packets += whole as u64;
        self.offset += kept as u64;
        if let Out::File(file) = &self.out {
            // A device or a pipe has no length; then there is nothing to take back.
            let _ = file.set_len(self.offset);
        }
        self.ends.clear();
        self.buffer.clear();
        Err(error).with_context(|| format!("cannot write {}", self.name))
    }
}

impl Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            // Not through `Stdout`'s own buffer, which would write line by line.
            Self::Stdout(stdout) => rustix::io::write(&*stdout, bytes).map_err(io::Error::from),
        }
    }
}
