//! What bytes are written to: one file per kind.

mod file;
mod named_pipe;
mod stream;
pub mod whole;

use std::{
    fs::OpenOptions,
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};

use self::{file::File, stream::Stream};
use crate::{
    cancel::Cancel,
    escape,
    standard::{self, Standard},
};

/// Takes bytes.
pub trait Transport: Send {
    /// Writes some of the bytes, at least one, and returns how many. Waits no longer than `cancel`
    /// allows; then the error is [`io::ErrorKind::TimedOut`].
    fn write(&mut self, bytes: &[u8], cancel: &Cancel) -> io::Result<usize>;

    /// Writes a block of a compressed stream. `ending` makes the stream whole behind it; where that
    /// is possible, it stands there until the next block goes over it, and a block that can't be
    /// written whole leaves no trace.
    fn write_block(&mut self, block: &[u8], ending: &[u8], cancel: &Cancel) -> io::Result<()> {
        let _ = ending;
        write_all(self, block, cancel)
    }

    /// Takes back the last bytes written, which are of no whole packet, where that is possible.
    fn take_back(&mut self, bytes: u64) -> io::Result<()> {
        let _ = bytes;
        Ok(())
    }

    /// Is called once, after the last byte. `ending` makes a compressed stream whole.
    fn finish(&mut self, ending: &[u8], cancel: &Cancel) -> io::Result<()> {
        write_all(self, ending, cancel)
    }

    /// Whether what was written before an error is there no more.
    fn is_lost(&self) -> bool {
        false
    }
}

/// Of a file that is made, unless the process asks for less: what is in it was sent by and to other
/// people.
const MODE: u32 = 0o640;

/// A file, or what else has a path.
pub fn create(path: &Path, cancel: &Cancel) -> Result<Box<dyn Transport>> {
    // Not opened anew by its name: whatever else writes there shares its place in the file.
    if let Some(descriptor) = standard::of_path(path) {
        return standard(descriptor);
    }
    open(path, cancel).with_context(|| format!("cannot write {}", escape::path(path)))
}

fn open(path: &Path, cancel: &Cancel) -> io::Result<Box<dyn Transport>> {
    let mut options = OpenOptions::new();
    options.write(true).mode(MODE);
    let (file, is_new) = match named_pipe::open(options.clone().create_new(true), path, cancel) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // It may be a link to where nothing is yet.
            (named_pipe::open(options.create(true).truncate(false), path, cancel)?, false)
        }
        made => (made?, true),
    };
    Ok(if file.metadata()?.is_file() {
        Box::new(File::own(file, path, is_new)?)
    } else {
        Box::new(Stream::new(file))
    })
}

/// Standard output, whatever it is.
pub fn stdout() -> Result<Box<dyn Transport>> {
    standard(Standard::Output)
}

/// Standard error, whatever it is, for messages. If it is closed, nobody wants them.
pub fn stderr() -> Result<Box<dyn Transport>> {
    of_standard(Standard::Error)
}

/// A standard descriptor, which is an error if it is closed.
fn standard(descriptor: Standard) -> Result<Box<dyn Transport>> {
    ensure!(
        !standard::was_closed(descriptor),
        "{} is closed: nothing that is written there would arrive",
        descriptor.name()
    );
    of_standard(descriptor)
}

fn of_standard(descriptor: Standard) -> Result<Box<dyn Transport>> {
    // Not through `Stdout`'s own buffer, which would write line by line.
    let own = descriptor.fd().try_clone_to_owned();
    let transport = own.and_then(|own| of(own.into()));
    transport.with_context(|| format!("cannot use {}", descriptor.name()))
}

/// Something that is open already. A file is written from where it is.
fn of(file: std::fs::File) -> io::Result<Box<dyn Transport>> {
    Ok(if file.metadata()?.is_file() {
        Box::new(File::shared(file))
    } else {
        Box::new(Stream::new(file))
    })
}

/// Writes all of the bytes.
pub fn write_all<T: Transport + ?Sized>(
    to: &mut T,
    mut bytes: &[u8],
    cancel: &Cancel,
) -> io::Result<()> {
    while !bytes.is_empty() {
        if cancel.has_expired() {
            return Err(ErrorKind::TimedOut.into());
        }
        bytes = &bytes[to.write(bytes, cancel)?..];
    }
    Ok(())
}

/// The kernel's words for this limit name no way out.
fn explained(error: io::Error) -> io::Error {
    if error.kind() != ErrorKind::FileTooLarge {
        return error;
    }
    let reason = "File too large: the limit of this process (ulimit -f) or of the file system";
    io::Error::new(ErrorKind::FileTooLarge, reason)
}
