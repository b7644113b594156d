//! A file or a pipe that ends with a whole record, whatever happens.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Seek as _, SeekFrom, Write as _},
    os::fd::AsFd as _,
    path::Path,
};

use anyhow::{Context as _, Result};
use zstd::bulk::Compressor;

use super::named_pipe;
use crate::{
    escape,
    output::lane::{records::ZSTD, writer::Batch},
};

/// Where records are written to.
pub struct Target {
    file: File,
    /// Whether the file still is as it was found. It is emptied by the first write, so that a
    /// capture that can't begin leaves an old file alone.
    untouched: bool,
    /// For error messages.
    name: String,
    compressor: Option<Compressor<'static>>,
}

impl Target {
    /// Opens the file or creates it, compressed where its name ends in `.zst`.
    pub fn create(path: &Path) -> Result<Self> {
        let name = escape::path(path).to_string();
        let mut options = OpenOptions::new();
        let file = named_pipe::open(options.write(true).create(true).truncate(false), path);
        let file = file.with_context(|| format!("cannot write {name}"))?;
        let compressed = path.extension().is_some_and(|extension| extension == ZSTD);
        let compressor = compressed.then(|| Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL));
        Ok(Self { file, untouched: true, name, compressor: compressor.transpose()? })
    }

    /// To standard output.
    pub fn stdout() -> Result<Self> {
        // Not through `Stdout`'s own buffer, which would write line by line.
        let stdout = io::stdout().as_fd().try_clone_to_owned().context("no standard output")?;
        let name = "standard output".into();
        Ok(Self { file: stdout.into(), untouched: false, name, compressor: None })
    }

    /// For error messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it compresses.
    pub const fn is_compressed(&self) -> bool {
        self.compressor.is_some()
    }

    /// Writes a batch; returns how many of its packets are out. On an error, what is there ends with
    /// the last whole packet.
    pub fn write(&mut self, batch: &mut Batch) -> (u64, Result<()>) {
        let (packets, result) = match self.prepare(batch) {
            Ok(()) => self.write_whole(batch),
            Err(error) => (0, Err(error)),
        };
        (packets as u64, result.with_context(|| format!("cannot write {}", self.name)))
    }

    fn prepare(&mut self, batch: &mut Batch) -> io::Result<()> {
        if std::mem::take(&mut self.untouched) && self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        if let Some(compressor) = &mut self.compressor {
            batch.bytes = compressor.compress(&batch.bytes)?;
            // A part of a frame is of no use: its packets count with its last byte.
            batch.ends.fill(batch.bytes.len());
            batch.header = 0;
        }
        Ok(())
    }

    fn write_whole(&mut self, batch: &Batch) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < batch.bytes.len() {
            match self.file.write(&batch.bytes[done..]) {
                Ok(0) => return (self.cut_at(batch, done), Err(ErrorKind::WriteZero.into())),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return (self.cut_at(batch, done), Err(error)),
            }
        }
        (batch.ends.len(), Ok(()))
    }

    /// Only `done` bytes of the batch were written: takes back what is of no whole packet. Returns
    /// how many are whole.
    fn cut_at(&mut self, batch: &Batch, done: usize) -> usize {
        let whole = batch.ends.partition_point(|end| *end <= done);
        let header = if batch.header <= done { batch.header } else { 0 };
        let kept = whole.checked_sub(1).map_or(header, |last| batch.ends[last]);
        // A device or a pipe has no length; then there is nothing to take back.
        let _ = self.take_back((done - kept) as u64);
        whole
    }

    /// Takes the last bytes written from the end of the file. Standard output may be a file that
    /// was not empty, or be written in its midst.
    fn take_back(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.file.stream_position()?;
        if bytes != 0 && self.file.metadata()?.len() == end {
            self.file.set_len(end - bytes)?;
            self.file.seek(SeekFrom::Start(end - bytes))?;
        }
        Ok(())
    }
}
