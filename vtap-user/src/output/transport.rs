//! What bytes are written to: one file per kind.

pub mod file;
pub mod named_pipe;
pub mod stream;

use std::{fs::OpenOptions, io, os::fd::AsFd as _, path::Path};

use anyhow::{Context as _, Result};

use self::{file::File, stream::Stream};
use crate::{escape, session::cancel::Cancel};

/// Takes bytes.
pub trait Transport: Send {
    /// Writes some of the bytes, at least one, and returns how many. Waits no longer than `cancel`
    /// allows; then the error is [`io::ErrorKind::TimedOut`].
    fn write(&mut self, bytes: &[u8], cancel: &Cancel) -> io::Result<usize>;

    /// Takes back the last bytes written, which are of no whole packet. False where that can't be
    /// done.
    fn take_back(&mut self, bytes: u64) -> io::Result<bool> {
        Ok(bytes == 0)
    }

    /// Is called once, after the last byte.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file, or what else has a path.
pub fn create(path: &Path, cancel: &Cancel) -> Result<Box<dyn Transport>> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false);
    let opened = named_pipe::open(options, path, cancel).and_then(|file| of(file, true));
    opened.with_context(|| format!("cannot write {}", escape::path(path)))
}

/// Standard output, whatever it is.
pub fn stdout() -> Result<Box<dyn Transport>> {
    // Not through `Stdout`'s own buffer, which would write line by line.
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout.and_then(|stdout| of(stdout.into(), false)).context("cannot use standard output")
}

/// By what was opened. `by_name`: what is in a file is to go.
pub fn of(file: std::fs::File, by_name: bool) -> io::Result<Box<dyn Transport>> {
    Ok(if file.metadata()?.is_file() {
        Box::new(File::new(file, by_name))
    } else {
        Box::new(Stream::new(file))
    })
}

/// Writes all of the bytes.
pub fn write_all(to: &mut dyn Transport, mut bytes: &[u8], cancel: &Cancel) -> io::Result<()> {
    while !bytes.is_empty() {
        bytes = &bytes[to.write(bytes, cancel)?..];
    }
    Ok(())
}
