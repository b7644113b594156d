//! One way to end a capture. Whoever waits for somebody else (a reader, a disk, a terminal) obeys it.
//!
//! An end begins with a signal, with the last packet of `-c`, or because there is nothing more to
//! capture from or to write to. From then on, outputs have a fixed time to take what is left.

use std::{
    io::{self, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// How long outputs have to take what is left. Counters and messages come after that, and all must
/// be over within six seconds.
pub const GRACE: Duration = Duration::from_millis(4500);

/// Whether the capture is to end, and until when. Clones share it.
#[derive(Clone)]
pub struct Cancel {
    shared: Arc<Shared>,
    /// What this one may last beyond the outputs' deadline.
    extra: Duration,
}

struct Shared {
    /// Set by signal handlers too, which may do little else.
    begun: Arc<AtomicBool>,
    /// Becomes readable with the first byte, and stays so.
    readable: UnixStream,
    /// Where that byte is written.
    writable: UnixStream,
    deadline: OnceLock<Instant>,
}

impl Cancel {
    /// Of a capture that goes on.
    pub fn new() -> io::Result<Self> {
        let (readable, writable) = UnixStream::pair()?;
        readable.set_nonblocking(true)?;
        writable.set_nonblocking(true)?;
        let begun = Arc::default();
        let shared = Shared { begun, readable, writable, deadline: OnceLock::new() };
        Ok(Self { shared: Arc::new(shared), extra: Duration::ZERO })
    }

    /// The same for what comes after the outputs, and may last so much longer.
    pub fn with_extra(&self, extra: Duration) -> Self {
        Self { extra, ..self.clone() }
    }

    /// Begins the end.
    pub fn begin(&self) {
        self.shared.begun.store(true, Ordering::Release);
        let _ = self.deadline();
        // It fails only where so much was written before that it is readable in any case.
        let _ = (&self.shared.writable).write(&[0]);
    }

    /// Whether the end has begun.
    pub fn has_begun(&self) -> bool {
        self.shared.begun.load(Ordering::Acquire)
    }

    /// Until when outputs may take what is left. The first who asks after a signal starts the clock:
    /// all who wait are woken by it.
    pub fn deadline(&self) -> Option<Instant> {
        let start = || Instant::now() + GRACE;
        self.has_begun().then(|| *self.shared.deadline.get_or_init(start) + self.extra)
    }

    /// Whether that time is over.
    pub fn has_expired(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Waits until `fd` can be written, or has failed; false if the deadline comes first.
    pub fn wait_writable(&self, fd: BorrowedFd<'_>) -> io::Result<bool> {
        loop {
            let deadline = self.deadline();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            let mut fds = [PollFd::new(&fd, PollFlags::OUT), PollFd::new(self, PollFlags::IN)];
            // Once the end has begun, only the deadline is of interest.
            let watched = if left.is_some() { &mut fds[..1] } else { &mut fds[..] };
            match poll(watched, left.map(timespec).as_ref()) {
                Ok(_) if !fds[0].revents().is_empty() => return Ok(true),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The beginning of the end, to wait for in a runtime.
    pub fn begun(&self) -> io::Result<Begun> {
        Ok(Begun(tokio::net::UnixStream::from_std(self.shared.readable.try_clone()?)?))
    }

    /// What a signal handler sets, and where it writes a byte, to begin the end.
    pub(super) fn for_handler(&self) -> io::Result<(Arc<AtomicBool>, UnixStream)> {
        Ok((Arc::clone(&self.shared.begun), self.shared.writable.try_clone()?))
    }
}

/// Made ahead, so that waiting itself needs nothing that may be missing.
pub struct Begun(tokio::net::UnixStream);

impl Begun {
    /// Waits until the end begins.
    pub async fn wait(&self) -> io::Result<()> {
        self.0.readable().await
    }
}

impl AsFd for Cancel {
    /// Readable once the end has begun.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.readable.as_fd()
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().cast_signed(),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
