//! Batches between the thread that takes packets and the thread of an output. The lock is taken once
//! for a batch.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::batch::Batch;

/// Between two looks at the clock by one who waits.
const PAUSE: Duration = Duration::from_millis(50);
/// Batches that may wait, so that many small ones do not take more memory than a few large ones.
const MOST: usize = 32;

/// A queue that is bounded by bytes.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes that wait or are being written. Changed under the lock, read without it.
    bytes: AtomicUsize,
    /// Bytes that there is room for.
    room: usize,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// Empty ones, to be filled again.
    spare: Vec<Batch>,
    /// No more will come.
    closed: bool,
    /// No more is taken out.
    ended: bool,
}

/// What the output's thread is to do next.
pub enum Next {
    /// Write this.
    Batch(Batch),
    /// Nothing came until the given time.
    Nothing,
    /// Finish: nothing more will come.
    Closed,
}

impl Queue {
    /// With room for so many bytes.
    pub fn new(room: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), bytes: AtomicUsize::new(0), room }
    }

    /// Whether another batch fits.
    pub fn has_room(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) < self.room
    }

    /// Hands over `batch` and replaces it by an empty one, or returns false if there is no room.
    pub fn push(&self, batch: &mut Batch) -> bool {
        let mut state = self.lock();
        if state.ended || !self.has_room() || state.batches.len() >= MOST {
            return false;
        }
        let empty = state.spare.pop().unwrap_or_else(|| batch.like());
        self.bytes.fetch_add(batch.len(), Ordering::Relaxed);
        state.batches.push_back(std::mem::replace(batch, empty));
        drop(state);
        self.changed.notify_all();
        true
    }

    /// Waits for room, or until `give_up` holds.
    pub fn wait_for_room(&self, give_up: impl Fn() -> bool) {
        let mut state = self.lock();
        while !state.ended && (!self.has_room() || state.batches.len() >= MOST) && !give_up() {
            state = self.sleep(state, PAUSE);
        }
    }

    /// Says that nothing more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until the output's thread has ended, or until `give_up` holds. True if it has.
    pub fn wait_for_end(&self, give_up: impl Fn() -> bool) -> bool {
        let mut state = self.lock();
        while !state.ended && !give_up() {
            state = self.sleep(state, PAUSE);
        }
        state.ended
    }

    /// Waits for the next batch, or until then.
    pub fn next(&self, until: Option<Instant>) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.batches.pop_front() {
                return Next::Batch(batch);
            }
            if state.closed {
                return Next::Closed;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Next::Nothing;
            }
            state = match left {
                Some(left) => self.sleep(state, left),
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Gives back a batch that was written.
    pub fn done(&self, mut batch: Batch) {
        self.bytes.fetch_sub(batch.len(), Ordering::Relaxed);
        batch.clear();
        self.lock().spare.push(batch);
        self.changed.notify_all();
    }

    /// Says that no more is taken out.
    pub fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Nobody panics while holding it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
