//! The loop that takes packets out of the rings.

use std::io::PipeReader;

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{account::Tally, both, sink::Sink};
use crate::{
    output::PATIENCE,
    source::live::{
        self,
        clock::Clock,
        drain::{self, Drain, RecordQueue as _},
        ring::Ring,
    },
};

/// Between two looks into the rings while packets come, at most: nobody sees a packet come a
/// millisecond late.
const PAUSE: u64 = 1_000_000;
/// Bytes of the smallest ring in use for each nanosecond of a pause. One CPU writes 4 a nanosecond
/// at most, so that a ring takes four times as long to fill.
const BYTES_PER_NANOSECOND: u64 = 16;
/// Between two looks at outputs in which something waits.
const OUTPUT_PAUSE: Timespec = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };

/// Takes packets out of the rings and hands them on.
pub struct Pump {
    drain: Drain,
    sink: Sink,
    clock: Clock,
}

impl Pump {
    /// From these rings to this sink.
    pub fn new(drain: Drain, sink: Sink) -> Self {
        Self { drain, sink, clock: Clock::new() }
    }

    /// Reads until the other end of `stopped` is closed or the sink is full.
    pub fn run(&mut self, stopped: &PipeReader) -> Result<()> {
        loop {
            let taken = self.empty_rings(false)?;
            let waits = self.sink.keep_up()?;
            if self.sink.is_full() || self.wait(stopped, taken, waits)? {
                return Ok(());
            }
        }
    }

    /// Hands on what is left in the rings once nothing is written to them any more. After an error,
    /// then or before, that is only counted.
    pub fn finish(&mut self, result: Result<()>) -> Result<()> {
        let result = result.and_then(|()| self.empty_rings(true).map(drop));
        if result.is_err() {
            self.sink.close();
        }
        let counted = self.empty_rings(true).map(drop);
        both(both(result, counted), self.sink.flush())
    }

    /// What was counted.
    pub fn into_tally(self) -> Tally {
        self.sink.into_tally()
    }

    /// Takes what is in the rings, or unless that is to be `all`, what the sink has room for and a
    /// little more. Returns whether there was anything.
    fn empty_rings(&mut self, all: bool) -> Result<bool> {
        let Self { drain, sink, clock, .. } = self;
        let mut any = false;
        loop {
            clock.keep();
            let taken =
                drain.batch(|header, data| sink.take(&live::packet(header, data, clock)))?;
            any |= taken > 0;
            if !drain::is_full(taken) || (!all && sink.is_full()) {
                return Ok(any);
            }
        }
    }

    /// Sleeps until it is time to look into the rings again; true if the capture is to stop
    /// instead.
    ///
    /// The kernel wakes a reader with the first record that it writes after the reader had caught
    /// up, and at high rates that is all the time. So a reader that just found something sleeps a
    /// while without being woken, and only one that found nothing waits for the kernel.
    /// Outputs in which something waits are looked after even if nothing comes.
    fn wait(&self, stopped: &PipeReader, busy: bool, output_waits: bool) -> Result<bool> {
        let mut fds = vec![PollFd::new(stopped, PollFlags::IN)];
        if !busy {
            fds.extend(self.drain.queues().map(|ring| PollFd::new(ring, PollFlags::IN)));
        }
        let pause = pause(self.drain.queues());
        let longest = output_waits.then_some(&OUTPUT_PAUSE);
        match poll(&mut fds, if busy { Some(&pause) } else { longest }) {
            Ok(_) | Err(Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(error).context("cannot wait for packets"),
        }
    }
}

/// How long no ring fills up. A ring that is not in use may be small.
fn pause<'a>(rings: impl Iterator<Item = &'a Ring>) -> Timespec {
    let fills = rings.filter(|ring| ring.is_used()).map(|ring| ring.size() / BYTES_PER_NANOSECOND);
    let pause = fills.min().unwrap_or(PAUSE).min(PAUSE);
    Timespec { tv_sec: 0, tv_nsec: pause.cast_signed() }
}
