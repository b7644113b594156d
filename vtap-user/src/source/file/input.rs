//! The bytes of a file, or of a pipe whose other end may still be capturing.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    mem,
    os::fd::AsFd as _,
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use crate::{
    cancel::Cancel,
    signals,
    standard::{self, Standard},
};

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A file that signals end.
///
/// Where nothing is at hand, reading fails once with [`ErrorKind::WouldBlock`], so that what came
/// before can be shown; the next time it waits.
pub struct Input {
    file: File,
    cancel: Cancel,
    /// Whether the last that was read is that error.
    idle: bool,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path, cancel: &Cancel) -> io::Result<Self> {
        let file = if path == Path::new("-") {
            if standard::was_closed(Standard::Input) {
                return Err(io::Error::other("standard input is closed"));
            }
            // `Stdin` itself has a buffer, into which nobody sees.
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(path)?
        };
        // Not before the file is open: for a named pipe, that may take for ever.
        signals::watch(cancel)?;
        Ok(Self { file, cancel: cancel.clone(), idle: false })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let was_idle = mem::take(&mut self.idle);
        let mut fds =
            [PollFd::new(&self.cancel, PollFlags::IN), PollFd::new(&self.file, PollFlags::IN)];
        loop {
            match poll(&mut fds, (!was_idle).then_some(&AT_ONCE)) {
                Ok(0) => {
                    self.idle = true;
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(_) if fds[0].revents().is_empty() => return (&self.file).read(buffer),
                Ok(_) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Reads on until `head` is so long, if there is so much.
pub fn fill(head: &mut Vec<u8>, len: usize, input: &mut dyn Read) -> io::Result<()> {
    loop {
        let missing = len.saturating_sub(head.len());
        match input.take(missing as u64).read_to_end(head) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
