//! The other ends of outputs: readers that are slow, or do not read at all.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{PipeReader, PipeWriter, Read as _, pipe},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    },
    path::Path,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Result;
use rustix::{
    fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, mkfifoat},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

/// A pipe that takes nothing more.
pub fn full_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = pipe()?;
    fill(&writer)?;
    Ok((reader, writer))
}

/// A named pipe that somebody has opened and nobody reads. It is full if so asked.
pub fn named_pipe(path: &Path, full: bool) -> Result<File> {
    mkfifoat(CWD, path, Mode::RWXU)?;
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(path)?;
    if full {
        fill(&file)?;
    }
    Ok(file)
}

/// Both ends of a terminal.
pub fn terminal() -> Result<(OwnedFd, File)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let name = ptsname(&near, Vec::new())?;
    let path = Path::new(OsStr::from_bytes(name.to_bytes()));
    let far = OpenOptions::new().read(true).write(true).open(path)?;
    Ok((near, far))
}

/// Sets whether a descriptor blocks, for all who share it.
pub fn set_blocking(fd: impl AsFd, blocks: bool) -> Result<()> {
    let flags = fcntl_getfl(&fd)?;
    let flags = if blocks { flags - OFlags::NONBLOCK } else { flags | OFlags::NONBLOCK };
    Ok(fcntl_setfl(&fd, flags)?)
}

fn fill(fd: impl AsFd) -> Result<()> {
    set_blocking(&fd, false)?;
    // Byte by byte at the end, so that not one more fits.
    for size in [4096, 1] {
        while rustix::io::write(&fd, &vec![b'#'; size]).is_ok() {}
    }
    set_blocking(&fd, true)
}

/// What is left to read, without waiting for more.
pub fn left(fd: impl AsFd) -> Result<Vec<u8>> {
    set_blocking(&fd, false)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = rustix::io::read(&fd, &mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
    }
    Ok(bytes)
}

/// Lines that are whole.
#[must_use]
pub fn lines(bytes: &[u8]) -> u64 {
    bytes.split(|byte| *byte == b'\n').skip(1).count() as u64
}

/// Reads so many bytes at a time, with a pause after each. Returns all that it has read once the
/// other end is closed; what is left then is read at once.
#[must_use]
pub fn read_slowly(mut pipe: PipeReader, at_a_time: usize, pause: Duration) -> Slow {
    let (stop, stopped) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut buffer = vec![0; at_a_time];
        loop {
            match pipe.read(&mut buffer)? {
                0 => return Ok(bytes),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
            let _ = stopped.recv_timeout(pause);
        }
    });
    Slow { stop, thread }
}

/// Somebody who reads slowly.
pub struct Slow {
    stop: std::sync::mpsc::Sender<()>,
    thread: JoinHandle<std::io::Result<Vec<u8>>>,
}

impl Slow {
    /// All that it has read, to the end.
    pub fn finish(self) -> Result<Vec<u8>> {
        // Without the other end, it no longer pauses.
        drop(self.stop);
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the reader has panicked"))?
            .map_err(Into::into)
    }
}
