//! Knowing that frames have arrived, where that takes them a while.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use rustix::thread::{MembarrierCommand, membarrier};

use crate::net;

/// Longer than frames are under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// The counters of a namespace's interfaces.
pub struct Arrivals {
    counters: File,
    expected: u64,
}

impl Arrivals {
    /// In this namespace.
    pub fn at(namespace: &File) -> Result<Self> {
        let counters =
            net::enter(namespace.try_clone()?, || Ok(File::open("/proc/thread-self/net/dev")?))?;
        let mut arrivals = Self { counters, expected: 0 };
        arrivals.expected = arrivals.received()?;
        Ok(arrivals)
    }

    /// Waits until so many more have arrived, and XDP has seen them.
    pub fn wait_for(&mut self, frames: u64) -> Result<()> {
        self.expected += frames;
        let begin = Instant::now();
        loop {
            let received = self.received()?;
            if received >= self.expected {
                break;
            }
            if begin.elapsed() > PATIENCE {
                let missing = self.expected - received;
                self.expected = received;
                anyhow::bail!("{missing} frames do not arrive");
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        // A driver counts at the end of a round, and generic XDP may come right after that; the
        // round is an RCU read-side critical section, for whose end this waits.
        Ok(membarrier(MembarrierCommand::Global)?)
    }

    /// Frames that all interfaces but the loopback have received.
    fn received(&mut self) -> Result<u64> {
        let mut text = String::new();
        self.counters.rewind()?;
        self.counters.read_to_string(&mut text)?;
        // Two lines of headings; then `name: bytes packets …`.
        let mut sum = 0;
        for line in text.lines().skip(2) {
            let Some((name, counters)) = line.split_once(':') else { continue };
            if name.trim() != "lo" {
                let packets = counters.split_whitespace().nth(1).unwrap_or_default();
                sum += packets.parse::<u64>()?;
            }
        }
        ensure!(text.lines().count() > 2, "no interfaces in {text}");
        Ok(sum)
    }
}
