//! Knowing that frames have arrived, which may take them a while.
//!
//! Over a veth pair, too: the kernel handles a frame when it has time for that, and a busy or slow
//! machine leaves it to a thread (`ksoftirqd`).

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::thread::{MembarrierCommand, membarrier};

use crate::{
    need::in_emulation,
    net::{self, Namespace},
};

/// How often is looked.
const PAUSE: Duration = Duration::from_micros(200);
/// Place of the length of the backlog in a line of `softnet_stat` (`net/core/net-procfs.c`).
const BACKLOG: usize = 11;

/// Longer than frames are under way.
fn patience() -> Duration {
    Duration::from_secs(if in_emulation() { 10 } else { 2 })
}

/// The counters of a namespace's interfaces, and the queues of this machine's CPUs.
pub struct Arrivals {
    counters: File,
    queues: File,
    expected: u64,
}

/// Sends so many frames from a tap, which have arrived on return.
pub fn arrive(tap: &Namespace, frames: u64, send: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut arrivals = Arrivals::from(tap)?;
    arrivals.begin()?;
    send()?;
    arrivals.wait_for(frames)?;
    arrivals.settle()
}

impl Arrivals {
    /// Of what is sent from this tap.
    pub fn from(tap: &Namespace) -> Result<Self> {
        let namespace = tap.far_end.as_ref().context("nothing is sent from here")?;
        let open = || Ok(File::open("/proc/thread-self/net/dev")?);
        let counters = net::enter(namespace.try_clone()?, open)?;
        let queues = File::open("/proc/net/softnet_stat")?;
        Ok(Self { counters, queues, expected: 0 })
    }

    /// Begins to count; what came before is none of those that are waited for.
    pub fn begin(&mut self) -> Result<()> {
        self.expected = self.received()?;
        Ok(())
    }

    /// Waits until so many more have been received, so that there is room for others.
    pub fn wait_for(&mut self, frames: u64) -> Result<()> {
        self.expected += frames;
        let begin = Instant::now();
        loop {
            let received = self.received()?;
            if received >= self.expected {
                break;
            }
            ensure!(
                begin.elapsed() < patience(),
                "{} frames do not arrive",
                self.expected - received
            );
            sleep(PAUSE);
        }
        self.wait_for_backlogs()
    }

    /// Waits until XDP has seen what was received.
    pub fn settle(&mut self) -> Result<()> {
        self.wait_for_backlogs()?;
        // What left its queue may still be on its way. A driver counts at the end of a round, and
        // generic XDP may come right after that. Both are RCU read-side critical sections, for whose
        // end this waits.
        Ok(membarrier(MembarrierCommand::Global)?)
    }

    /// Waits until each CPU has emptied its backlog: there frames wait that a driver without rounds
    /// of its own has counted already, as veth does in generic mode.
    fn wait_for_backlogs(&mut self) -> Result<()> {
        let begin = Instant::now();
        let mut waiting = self.backlogs()?;
        while waiting.iter().any(|frames| *frames > 0) {
            if begin.elapsed() > patience() {
                bail!("frames stay in the backlogs: {waiting:?}");
            }
            sleep(PAUSE);
            // Empty once is enough: others may send, too.
            for (before, now) in waiting.iter_mut().zip(self.backlogs()?) {
                *before = now.min(*before);
            }
        }
        Ok(())
    }

    fn backlogs(&mut self) -> Result<Vec<u32>> {
        let text = text(&mut self.queues)?;
        let lengths = text.lines().filter_map(|line| line.split_whitespace().nth(BACKLOG));
        let lengths = lengths.map(|length| Ok(u32::from_str_radix(length, 16)?));
        let lengths = lengths.collect::<Result<Vec<_>>>()?;
        ensure!(!lengths.is_empty(), "no backlogs in {text}");
        Ok(lengths)
    }

    /// Frames that all interfaces but the loopback have received.
    fn received(&mut self) -> Result<u64> {
        let text = text(&mut self.counters)?;
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

/// What a file of `/proc` says now. Names of interfaces may be no text.
fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
