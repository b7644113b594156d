//! The loop that takes packets out of the rings and hands them to the outputs.

use std::io::PipeReader;

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use vtap_common::record::RecordHeader;

use crate::{account::Tally, clock::Clock, drain::Drain, output::Output, packet::Packet};

/// Takes, counts and hands on.
pub struct Reader {
    drain: Drain,
    sink: Sink,
}

/// Where packets go.
struct Sink {
    outputs: Vec<Box<dyn Output>>,
    tally: Tally,
    clock: Clock,
    /// Packets that may still be written.
    remaining: u64,
}

impl Reader {
    /// Stops by itself after `count` packets, if given.
    pub fn new(drain: Drain, outputs: Vec<Box<dyn Output>>, count: Option<u64>) -> Self {
        let sink = Sink {
            outputs,
            tally: Tally::default(),
            clock: Clock::new(),
            remaining: count.unwrap_or(u64::MAX),
        };
        Self { drain, sink }
    }

    /// Reads until the other end of `stopped` is closed or the count is reached.
    pub fn run(&mut self, stopped: &PipeReader) -> Result<()> {
        loop {
            self.empty_rings()?;
            if self.sink.remaining == 0 || self.wait(stopped)? {
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
        self.sink.outputs.clear();
        self.sink.remaining = 0;
        self.empty_rings()
    }

    /// What was counted.
    pub fn into_tally(self) -> Tally {
        self.sink.tally
    }

    fn empty_rings(&mut self) -> Result<()> {
        let Self { drain, sink } = self;
        loop {
            sink.clock.keep();
            let taken = drain.batch(|header, data| sink.take(header, data))?;
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

impl Sink {
    fn take(&mut self, header: &RecordHeader, data: &[u8]) -> Result<()> {
        self.tally.count(header);
        if self.remaining == 0 {
            return Ok(());
        }
        let packet = Packet { time: self.clock.utc(header.timestamp), header, data };
        for output in &mut self.outputs {
            output.packet(&packet)?;
        }
        self.remaining -= 1;
        self.tally.written += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.outputs.iter_mut().try_for_each(|output| output.flush())
    }
}
