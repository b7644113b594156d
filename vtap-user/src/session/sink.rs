//! Where packets go, whatever they come from.

use anyhow::Result;

use super::{account::Tally, both};
use crate::{output::Output, packet::Packet};

/// Counts packets and hands them to the outputs.
pub struct Sink {
    outputs: Vec<Box<dyn Output>>,
    tally: Tally,
    /// Packets to write at most.
    count: u64,
    /// Packets that may still be written.
    remaining: u64,
    failed: bool,
}

impl Sink {
    /// Writes `count` packets at most, if given.
    pub fn new(outputs: Vec<Box<dyn Output>>, count: Option<u64>) -> Self {
        let count = count.unwrap_or(u64::MAX);
        Self { outputs, tally: Tally::default(), count, remaining: count, failed: false }
    }

    /// Takes a packet. Once the count is reached, packets are still counted as delivered.
    pub fn take(&mut self, packet: &Packet<'_>) -> Result<()> {
        self.tally.count(packet);
        if self.is_full() || self.failed {
            return Ok(());
        }
        for output in &mut self.outputs {
            output.packet(packet)?;
        }
        self.remaining -= 1;
        Ok(())
    }

    /// Lets others see what was taken, unless it is too early for that; true while something waits.
    pub fn keep_up(&mut self) -> Result<bool> {
        self.outputs.iter_mut().try_fold(false, |waits, output| Ok(waits | output.keep_up()?))
    }

    /// Lets others see all that was taken. An output that fails does not hold up the others.
    pub fn flush(&mut self) -> Result<()> {
        let mut result = Ok(());
        for output in &mut self.outputs {
            result = both(result, output.flush());
        }
        result
    }

    /// Whether the count is reached.
    pub const fn is_full(&self) -> bool {
        self.remaining == 0
    }

    /// From here on only counts: an output has failed.
    pub fn close(&mut self) {
        self.failed = true;
    }

    /// What was counted.
    pub fn into_tally(mut self) -> Tally {
        let taken = self.count - self.remaining;
        let written = self.outputs.iter().map(|output| output.packets()).min();
        self.tally.written = written.unwrap_or(taken);
        self.tally
    }
}
