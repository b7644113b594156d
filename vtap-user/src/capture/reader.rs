//! The loop that takes packets out of the rings.

use std::io::PipeReader;

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::sink::Sink;
use crate::{account::Tally, clock::Clock, drain::Drain, packet::Packet};

/// Takes packets out of the rings and hands them on.
pub struct Reader {
    drain: Drain,
    sink: Sink,
    clock: Clock,
}

impl Reader {
    /// From these rings to this sink.
    pub fn new(drain: Drain, sink: Sink) -> Self {
        Self { drain, sink, clock: Clock::new() }
    }

    /// Reads until the other end of `stopped` is closed or the sink is full.
    pub fn run(&mut self, stopped: &PipeReader) -> Result<()> {
        loop {
            self.empty_rings()?;
            if self.sink.is_full() || self.wait(stopped)? {
                return Ok(());
            }
        }
    }

    /// Hands on what is left in the rings once nothing is written to them any more.
    pub fn finish(&mut self) -> Result<()> {
        self.empty_rings()
    }

    /// Counts what is left in the rings, but hands nothing on: an output has failed.
    pub fn discard(&mut self) -> Result<()> {
        self.sink.close();
        self.empty_rings()
    }

    /// What was counted.
    pub fn into_tally(self) -> Tally {
        self.sink.into_tally()
    }

    fn empty_rings(&mut self) -> Result<()> {
        let Self { drain, sink, clock } = self;
        loop {
            clock.keep();
            let taken = drain.batch(|header, data| {
                sink.take(&Packet { time: clock.utc(header.timestamp), header, data })
            })?;
            if !Drain::was_full(taken) {
                return sink.flush();
            }
        }
    }

    /// Sleeps until there are records; true if the capture is to stop instead.
    fn wait(&self, stopped: &PipeReader) -> Result<bool> {
        let mut fds = vec![PollFd::new(stopped, PollFlags::IN)];
        fds.extend(self.drain.rings().iter().map(|ring| PollFd::new(ring, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => Ok(!fds[0].revents().is_empty()),
            Err(error) => Err(error).context("cannot wait for packets"),
        }
    }
}
