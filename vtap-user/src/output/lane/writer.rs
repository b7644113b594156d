//! The thread that writes, so that whoever takes packets does not wait for a disk.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::{output::transport::target::Target, session::signals};

/// Batches under way at most, after which whoever hands over waits: that bounds the memory.
const UNDER_WAY: usize = 16;

/// Bytes that are written at once: many packets, and still within a CPU's cache.
const BATCH: usize = 256 << 10;

/// How long a target may take nothing once a signal has come. A disk may be slow, and a pipe that
/// nobody reads must not keep vtap from ending.
const GRACE: Duration = Duration::from_secs(5);
/// Between two looks whether a signal has come.
const PAUSE: Duration = Duration::from_millis(100);

/// Whole records.
pub struct Batch {
    /// The records.
    pub bytes: Vec<u8>,
    /// Where in the bytes the file's header ends, before there is any packet.
    pub header: usize,
    /// Where in the bytes each packet ends.
    pub ends: Vec<usize>,
}

impl Batch {
    /// With room for what is written at once.
    pub fn new() -> Self {
        let bytes = Vec::with_capacity(2 * BATCH);
        Self { bytes, header: 0, ends: Vec::with_capacity(BATCH / 128) }
    }

    /// Whether it is time to write it.
    pub const fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.header = 0;
        self.ends.clear();
    }
}

/// What became of a batch.
struct Done {
    /// To be filled again.
    batch: Batch,
    /// Packets of it that are out.
    packets: u64,
    result: Result<()>,
}

/// Batches on their way to a target.
pub struct Writer {
    to_thread: Sender<Batch>,
    from_thread: Receiver<Done>,
    under_way: usize,
    spare: Vec<Batch>,
    packets: u64,
    /// For error messages.
    name: String,
    /// Whether the target took nothing for too long; it is told once.
    stuck: bool,
}

impl Writer {
    /// Starts the thread.
    pub fn new(target: Target) -> Result<Self> {
        let (to_thread, batches) = channel();
        let (done, from_thread) = channel();
        let name = target.name().to_owned();
        let writer = move || write(target, &batches, &done);
        thread::Builder::new()
            .name("vtap-writer".into())
            .spawn(writer)
            .context("cannot start the thread that writes")?;
        Ok(Self {
            to_thread,
            from_thread,
            under_way: 0,
            spare: Vec::new(),
            packets: 0,
            name,
            stuck: false,
        })
    }

    /// Hands over a batch, and replaces it by an empty one. An error is that of an earlier one.
    pub fn hand_over(&mut self, batch: &mut Batch) -> Result<()> {
        let looked = self.look().map(drop);
        let result = looked.and(self.collect_until(UNDER_WAY - 1));
        let batch = std::mem::replace(batch, self.spare.pop().unwrap_or_else(Batch::new));
        self.to_thread.send(batch).map_err(|_| gone())?;
        self.under_way += 1;
        result
    }

    /// Learns what has become of batches so far; true while there are others.
    pub fn look(&mut self) -> Result<bool> {
        let mut result = Ok(());
        while let Ok(done) = self.from_thread.try_recv() {
            result = result.and(self.count(done));
        }
        result.map(|()| self.under_way > 0)
    }

    /// Waits for all batches.
    pub fn finish(&mut self) -> Result<()> {
        self.collect_until(0)
    }

    /// Packets that are out.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Waits until no more than so many batches are under way.
    fn collect_until(&mut self, most: usize) -> Result<()> {
        let mut result = Ok(());
        while self.under_way > most && !self.stuck {
            let done = self.next()?;
            result = result.and(self.count(done));
        }
        result
    }

    /// Waits for the next that is done.
    fn next(&mut self) -> Result<Done> {
        let mut end = None;
        loop {
            match self.from_thread.recv_timeout(PAUSE) {
                Ok(done) => return Ok(done),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) if signals::came() => {
                    if Instant::now() > *end.get_or_insert_with(|| Instant::now() + GRACE) {
                        self.stuck = true;
                        let (name, seconds) = (&self.name, GRACE.as_secs());
                        bail!("cannot write {name}: it took nothing for {seconds} seconds");
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn count(&mut self, done: Done) -> Result<()> {
        self.under_way -= 1;
        self.packets += done.packets;
        self.spare.push(done.batch);
        done.result
    }
}

fn gone() -> anyhow::Error {
    anyhow!("the thread that writes has ended")
}

/// Writes batch after batch. Nothing is written behind a place where something is missing.
fn write(mut target: Target, batches: &Receiver<Batch>, done: &Sender<Done>) {
    let mut failed = false;
    for mut batch in batches {
        let (packets, result) = if failed { (0, Ok(())) } else { target.write(&mut batch) };
        failed |= result.is_err();
        batch.clear();
        if done.send(Done { batch, packets, result }).is_err() {
            return;
        }
    }
}
