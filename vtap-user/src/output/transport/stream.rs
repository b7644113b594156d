//! A pipe, a terminal, a socket or a device: something that may take nothing for a while.

use std::{
    io::{self, ErrorKind},
    os::fd::{AsFd as _, AsRawFd as _, OwnedFd},
    thread::sleep,
    time::Duration,
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fstat, openat},
    io::{Errno, write},
    net::{SendFlags, send},
};

use super::Transport;
use crate::cancel::Cancel;

/// A pipe that can be written takes this much (`PIPE_BUF`).
const AT_LEAST: usize = 4096;

/// Something with another end.
pub struct Stream {
    fd: OwnedFd,
    way: Way,
}

/// A terminal may say that it has room and refuse two bytes, because there is room for one.
const PAUSE: Duration = Duration::from_millis(5);

/// How bytes are written without waiting in the system call, which nobody could cancel.
enum Way {
    /// The descriptor does not block.
    NonBlocking,
    /// A flag of the system call.
    Socket,
    /// No more than there is room for, once there is some.
    Little,
}

impl Stream {
    /// Of something that is open.
    pub fn new(file: impl Into<OwnedFd>) -> Self {
        let fd = file.into();
        let is =
            |kind| fstat(&fd).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == kind);
        if is(FileType::Socket) {
            return Self { fd, way: Way::Socket };
        }
        // Whether a descriptor blocks is shared with every process that has inherited it, the shell
        // among them. One that is opened anew is our own.
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match openat(CWD, path, flags, Mode::empty()) {
            Ok(own) => Self { fd: own, way: Way::NonBlocking },
            Err(_) => Self { fd, way: Way::Little },
        }
    }

    fn write_now(&self, bytes: &[u8]) -> Result<usize, Errno> {
        match self.way {
            Way::NonBlocking => write(&self.fd, bytes),
            Way::Socket => send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
            Way::Little => write(&self.fd, &bytes[..bytes.len().min(AT_LEAST)]),
        }
    }
}

impl Transport for Stream {
    fn write(&mut self, bytes: &[u8], cancel: &Cancel) -> io::Result<usize> {
        let mut waits = matches!(self.way, Way::Little);
        loop {
            if waits && !cancel.wait_writable(self.fd.as_fd())? {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.write_now(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => return Ok(count),
                Err(Errno::AGAIN) if waits => sleep(PAUSE),
                Err(Errno::AGAIN) => waits = true,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
