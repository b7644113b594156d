//! The bytes of a file, or of a pipe whose other end may still be capturing.

use std::{
    cell::Cell,
    fs::File,
    io::{self, ErrorKind, Read},
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::Path,
    rc::Rc,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    low_level::pipe,
};

const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// What becomes of an input that is read through others, which do not pass on every error.
#[derive(Default)]
pub struct State {
    idle: Cell<bool>,
    stopped: Cell<bool>,
}

impl State {
    /// Whether the last that was read is an error only because nothing is at hand.
    pub fn is_idle(&self) -> bool {
        self.idle.get()
    }

    /// Whether a signal has ended the input.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }
}

/// A file that signals end.
///
/// Where nothing is at hand, reading fails once with [`ErrorKind::WouldBlock`], so that what came
/// before can be shown; the next time it waits.
pub struct Input {
    file: File,
    signals: UnixStream,
    state: Rc<State>,
}

impl Input {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path, state: Rc<State>) -> io::Result<Self> {
        let file = if path == Path::new("-") {
            // `Stdin` itself has a buffer, into which nobody sees.
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(path)?
        };
        // Not before the file is open: for a named pipe, that may take for ever.
        let (signals, signalled) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            pipe::register(signal, signalled.try_clone()?)?;
        }
        Ok(Self { file, signals, state })
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let was_idle = self.state.idle.replace(false);
        let mut fds =
            [PollFd::new(&self.signals, PollFlags::IN), PollFd::new(&self.file, PollFlags::IN)];
        while !self.state.is_stopped() {
            match poll(&mut fds, (!was_idle).then_some(&AT_ONCE)) {
                Ok(0) => {
                    self.state.idle.set(true);
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(_) if fds[0].revents().is_empty() => return (&self.file).read(buffer),
                Ok(_) => self.state.stopped.set(true),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
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
