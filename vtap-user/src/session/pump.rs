//! The thread that takes packets out of the rings: drain → account → lanes.

use std::{sync::mpsc, thread};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::sync::oneshot;
use vtap_common::abi::Counters;

use super::{account::Tally, both, sink::Sink};
use crate::{
    cancel::Cancel,
    output::Report,
    source::{
        frames::Frames,
        live::{
            self,
            clock::Clock,
            drain::{self, Drain, RecordQueue as _},
            ring::Ring,
        },
    },
};

/// Between two looks into the rings while packets come, at most: nobody sees a packet come a
/// millisecond late.
const PAUSE: u64 = 1_000_000;
/// Bytes of the smallest ring in use for each nanosecond of a pause. One CPU writes 4 a nanosecond
/// at most, so that a ring takes four times as long to fill.
const BYTES_PER_NANOSECOND: u64 = 16;
/// Between two attempts to hand over what an output had no room for.
const OUTPUT_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Takes packets out of the rings and hands them on.
pub struct Pump {
    drain: Drain,
    sink: Sink,
    frames: Frames,
    clock: Clock,
    cancel: Cancel,
}

/// What a pump has done.
pub struct Pumped {
    /// What was counted of packets.
    pub tally: Tally,
    /// What was counted of frames that may hold several, besides what the kernel side counted.
    pub counters: Counters,
    /// The accounts of the outputs.
    pub outputs: Vec<Report>,
    /// Whether all could be taken out of the rings.
    pub result: Result<()>,
}

/// A pump in its thread.
pub struct Running {
    start: mpsc::Sender<()>,
    detached: mpsc::Sender<()>,
    done: oneshot::Receiver<Pumped>,
}

impl Pump {
    /// From these rings to this sink, with times of this clock. Frames that may hold several packets
    /// go through `frames`.
    pub fn new(drain: Drain, clock: Clock, frames: Frames, sink: Sink, cancel: Cancel) -> Self {
        Self { drain, sink, frames, clock, cancel }
    }

    /// Makes its thread, which waits for [`Running::start`]: it is made while there is nothing to
    /// lose.
    pub fn spawn(self) -> Result<Running> {
        let (start, started) = mpsc::channel();
        let (detached, is_detached) = mpsc::channel();
        let (result, done) = oneshot::channel();
        let run = move || {
            if started.recv().is_ok() {
                let _ = result.send(self.run(&is_detached));
            }
        };
        let thread = thread::Builder::new().name("vtap-pump".into()).spawn(run);
        thread.context("cannot start the thread that takes packets")?;
        Ok(Running { start, detached, done })
    }

    /// Hands packets on until the end begins, and then what is left once nothing is written to the
    /// rings any more.
    fn run(mut self, is_detached: &mpsc::Receiver<()>) -> Pumped {
        let result = self.take_until_end();
        self.cancel.begin();
        let _ = is_detached.recv();
        let result = both(result, self.empty_rings(true).map(drop));
        let counters = *self.frames.counters();
        let (tally, outputs) = self.sink.finish();
        Pumped { tally, counters, outputs, result }
    }

    fn take_until_end(&mut self) -> Result<()> {
        while !self.cancel.has_begun() {
            let taken = self.empty_rings(false)?;
            let waits = self.sink.flush();
            self.wait(taken, waits)?;
        }
        Ok(())
    }

    /// Takes what is in the rings, or unless that is to be `all`, what the sink has room for and a
    /// little more. Returns whether there was anything.
    fn empty_rings(&mut self, all: bool) -> Result<bool> {
        let Self { drain, sink, frames, clock, .. } = self;
        let mut any = false;
        loop {
            clock.keep();
            let taken = drain.batch(|header, data| {
                live::packets(header, data, clock, frames, |packet| sink.take(packet))
            })?;
            any |= taken > 0;
            if !drain::is_full(taken) || (!all && sink.is_full()) {
                return Ok(any);
            }
        }
    }

    /// Sleeps until it is time to look into the rings again.
    ///
    /// The kernel wakes a reader with the first record that it writes after the reader had caught
    /// up, and at high rates that is all the time. So a reader that just found something sleeps a
    /// while without being woken, and only one that found nothing waits for the kernel.
    fn wait(&self, busy: bool, output_waits: bool) -> Result<()> {
        let mut fds = vec![PollFd::new(&self.cancel, PollFlags::IN)];
        if !busy {
            fds.extend(self.drain.queues().map(|ring| PollFd::new(ring, PollFlags::IN)));
        }
        let pause = pause(self.drain.queues());
        let longest = output_waits.then_some(&OUTPUT_PAUSE);
        match poll(&mut fds, if busy { Some(&pause) } else { longest }) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for packets"),
        }
    }
}

impl Running {
    /// From here on it takes packets.
    pub fn start(&self) {
        // It fails only if the thread has ended, and then `finish` tells.
        let _ = self.start.send(());
    }

    /// To be called once the end has begun and nothing is written to the rings any more.
    pub async fn finish(self) -> Result<Pumped> {
        let _ = self.detached.send(());
        self.done.await.context("the thread that takes packets has panicked")
    }
}

/// How long no ring fills up. A ring that is not in use may be small.
fn pause<'a>(rings: impl Iterator<Item = &'a Ring>) -> Timespec {
    let fills = rings.filter(|ring| ring.is_used()).map(|ring| ring.size() / BYTES_PER_NANOSECOND);
    let pause = fills.min().unwrap_or(PAUSE).min(PAUSE);
    Timespec { tv_sec: 0, tv_nsec: pause.cast_signed() }
}
