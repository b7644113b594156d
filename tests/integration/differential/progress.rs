//! What a long run shows meanwhile.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How often it shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How far a long run is.
pub struct Progress {
    frames: u64,
    done: AtomicU64,
    begin: Instant,
    shown: Mutex<Instant>,
}

impl Progress {
    /// Begins now.
    pub fn new(frames: u64) -> Self {
        let now = Instant::now();
        Self { frames, done: AtomicU64::new(0), begin: now, shown: Mutex::new(now) }
    }

    /// Counts frames that one of the workers is done with.
    pub fn add(&self, frames: usize) {
        self.done.fetch_add(frames as u64, Relaxed);
        // Another worker that is at it shows the same.
        let Ok(mut shown) = self.shown.try_lock() else { return };
        if shown.elapsed() > HEARTBEAT {
            *shown = Instant::now();
            println!("  {} of {}", self.rate(), self.frames);
        }
    }

    /// How many there were, and how fast.
    pub fn rate(&self) -> String {
        let done = self.done.load(Relaxed);
        let seconds = self.begin.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = done as f64 / seconds;
        format!("{done} frames in {seconds:.1} s ({rate:.0}/s)")
    }
}
