//! The signals that end vtap in good order: what was begun is finished, and the accounts are closed.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use procfs::process::Process;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
    low_level::pipe,
};

static CAME: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Becomes readable with the first signal.
pub struct Signals(UnixStream);

impl Signals {
    /// From here on these signals no longer kill.
    pub fn watch() -> io::Result<Self> {
        let (stream, signalled) = UnixStream::pair()?;
        // `nohup` has hangups ignored, and then a capture is to outlive its terminal.
        let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup) {
            flag::register(signal, Arc::clone(&CAME))?;
            pipe::register(signal, signalled.try_clone()?)?;
        }
        Ok(Self(stream))
    }

    /// Waits for the first.
    pub async fn first(&self) -> io::Result<()> {
        let stream = self.0.try_clone()?;
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream)?.readable().await
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether one has come.
pub fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}

fn is_ignored(signal: i32) -> bool {
    let status = Process::myself().and_then(|process| process.status());
    status.is_ok_and(|status| status.sigign >> (signal - 1) & 1 != 0)
}
