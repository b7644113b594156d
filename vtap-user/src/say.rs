//! Words for the user on standard error.
//!
//! During a capture a thread writes them, so that a terminal or a pipe that takes nothing stops
//! neither the capture nor its end. What does not fit the queue is left out and counted.

use std::{
    collections::VecDeque,
    fmt::Arguments,
    io::{self, Write, stderr},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    cancel::Cancel,
    escape,
    output::transport::{self, Transport},
};

/// Bytes of messages that wait at most.
const ROOM: usize = 1 << 20;
/// How long after the outputs' deadline messages may take.
const EXTRA: Duration = Duration::from_millis(900);
/// Between two looks at the clock by one who waits.
const PAUSE: Duration = Duration::from_millis(50);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// As `eprintln!`, for whatever names and paths: see [`line`](crate::say::line).
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// Writes a message of one or more lines. Whatever a name in it holds does nothing to the terminal.
/// That nobody reads is no failure.
pub fn line(words: Arguments<'_>) {
    put(format!("{}\n", escape::message(&words.to_string())));
}

/// From here on a thread writes messages, until `cancel` says that the time for it is over.
pub(crate) fn start(cancel: &Cancel) -> Result<()> {
    let stderr = transport::stderr()?;
    let queue = Arc::new(Queue {
        state: Mutex::default(),
        changed: Condvar::new(),
        cancel: cancel.with_extra(EXTRA),
    });
    let written = Arc::clone(&queue);
    let thread = thread::Builder::new().name("vtap-messages".into());
    let thread = thread.spawn(move || written.write_to(stderr));
    thread.context("cannot start the thread that writes messages")?;
    // Not before: what is in the queue needs the thread.
    QUEUE.get_or_init(|| queue);
    Ok(())
}

/// Waits until all is written, or until the time for it is over.
pub fn finish() {
    if let Some(queue) = QUEUE.get() {
        queue.finish();
    }
}

/// Where the log goes, which is for the same terminal.
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        put(escape::message(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put(text: String) {
    match QUEUE.get() {
        Some(queue) => queue.push(text),
        None => drop(stderr().write_all(text.as_bytes())),
    }
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    cancel: Cancel,
}

#[derive(Default)]
struct State {
    messages: VecDeque<String>,
    /// Bytes of those.
    bytes: usize,
    /// Messages for which there was no room.
    left_out: u64,
    /// Whether one is being written.
    busy: bool,
}

impl Queue {
    fn push(&self, text: String) {
        let mut state = self.lock();
        if state.bytes + text.len() > ROOM {
            state.left_out += 1;
            return;
        }
        state.bytes += text.len();
        state.messages.push_back(text);
        drop(state);
        self.changed.notify_all();
    }

    fn write_to(&self, mut stderr: Box<dyn Transport>) {
        loop {
            let text = self.next();
            // Nobody can be told of an error, and the next message may find somebody.
            let _ = transport::write_all(stderr.as_mut(), text.as_bytes(), &self.cancel);
            self.lock().busy = false;
            self.changed.notify_all();
        }
    }

    fn next(&self) -> String {
        let mut state = self.lock();
        loop {
            if let Some(text) = state.messages.pop_front() {
                state.bytes -= text.len();
                state.busy = true;
                return text;
            }
            if state.left_out > 0 {
                state.busy = true;
                let left_out = std::mem::take(&mut state.left_out);
                return format!("vtap: {left_out} messages left out, as nobody read them\n");
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self) {
        self.cancel.begin();
        let mut state = self.lock();
        while (state.busy || !state.messages.is_empty()) && !self.cancel.has_expired() {
            let waited = self.changed.wait_timeout(state, PAUSE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
