//! A capture from a file: the same parser and rules as in the kernel, in user space.

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Result, anyhow};
use vtap_common::abi::Counters;

use super::{
    Accounts,
    account::{Setting, StatsFile},
    sink::Sink,
};
use crate::{
    cancel::Cancel,
    escape, output,
    packet::Arrival,
    plan::Plan,
    source::{
        file::{Event, Link, Records, Unread, why},
        frames::Frames,
    },
    timestamp::Timestamp,
};

/// Reads the file to its end, until the count is reached or until a signal comes.
pub fn run(plan: &Plan, path: &Path, cancel: &Cancel) -> Result<()> {
    let name = escape::path(path).to_string();
    let mut records = Records::open(path, cancel)
        .map_err(|error| anyhow!("cannot read {name}: {}", why(&error)))?;
    let stats_file = plan.stats_json.as_deref().map(StatsFile::create).transpose()?;
    let lanes = output::open(plan, cancel)?;
    let setting = Setting {
        interface: plan.source.name(),
        xdp_mode: "none",
        verdict: "none",
        rules: plan.rules.clone(),
    };
    let accounts = Accounts::open(plan, setting, stats_file, cancel.clone());
    let mut replay = Replay::new(plan, Sink::new(lanes, plan.count, cancel.clone()));
    let read = replay.all(&mut records, &name);
    let (tally, outputs) = replay.sink.finish();
    let counters = *replay.frames.counters();
    let Counters { received, tunnel, .. } = counters;
    if let Some(words) = replay.unread.words() {
        say!("vtap: {name}: {words}");
    }
    let readable = received.packets - replay.unread.packets;
    let closed = accounts.close(&counters, tally, &outputs, read);
    if readable > 0 && tunnel == 0 {
        say!(
            "vtap: {name} holds no mirrored packet: another tap port (--port)? What vtap itself \
             wrote is out of its tunnel already"
        );
    }
    closed
}

/// Frames on their way through the shared path.
struct Replay {
    frames: Frames,
    unread: Unread,
    sink: Sink,
}

impl Replay {
    fn new(plan: &Plan, sink: Sink) -> Self {
        let frames = Frames::of_file(&plan.selection, plan.snaplen);
        Self { frames, unread: Unread::default(), sink }
    }

    /// Takes every frame of a file; `name` is for error messages.
    fn all(&mut self, records: &mut Records, name: &str) -> Result<()> {
        while let Some(event) = records.next(name)? {
            match event {
                Event::Frame { time, link, bytes } => self.frame(time, link, bytes)?,
                Event::Idle => self.sink.settle(),
            }
        }
        Ok(())
    }

    /// Takes a frame of whatever link type.
    fn frame(&mut self, time: Timestamp, link: Link, frame: &[u8]) -> Result<()> {
        let Self { frames, unread, sink } = self;
        let Some(kind) = link.kind else {
            unread.count(link.number);
            frames.unread(frame);
            return Ok(());
        };
        let arrival = Arrival { time, queue: None };
        frames.examine(frame, kind.layer(frame), arrival, |packet| sink.take(packet))
    }
}
