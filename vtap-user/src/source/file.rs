//! A capture from a file: the same parser and rules as in the kernel, in user space.

mod compression;
mod input;
mod reader;
#[cfg(test)]
mod tests;

use std::{
    io::{ErrorKind, Read},
    path::Path,
};

use anyhow::{Result, anyhow, bail};
use vtap_common::abi::Counters;

use self::{
    input::Input,
    reader::{Link, Reader, Record, Step, link::Unread, window::Window},
};
use crate::{
    cli::Plan,
    escape, output,
    session::{
        Accounts,
        account::{Setting, StatsFile},
        cancel::Cancel,
        sink::Sink,
    },
    source::frames::{Arrival, Frames},
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
    let read = records.read(&mut replay, &name);
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

/// The packets of a capture file.
struct Records {
    window: Window,
    /// None where a signal came before there was anything to read.
    reader: Option<Reader>,
    cancel: Cancel,
}

impl Records {
    fn open(path: &Path, cancel: &Cancel) -> Result<Self> {
        Self::of(Input::open(path, cancel)?, cancel)
    }

    fn of(raw: impl Read + 'static, cancel: &Cancel) -> Result<Self> {
        let mut window = Window::new(compression::open(raw)?);
        let reader = Reader::open(&mut window);
        let reader = if cancel.has_begun() { None } else { Some(reader?) };
        Ok(Self { window, reader, cancel: cancel.clone() })
    }

    /// Hands every frame on; `name` is for error messages.
    fn read(&mut self, replay: &mut Replay, name: &str) -> Result<()> {
        let Self { window, reader: Some(reader), cancel } = self else { return Ok(()) };
        while !cancel.has_begun() {
            match reader.next(window) {
                Ok(Step::Packet(Record { time, link, place })) => {
                    replay.frame(time, link, window.at(place))?;
                }
                Ok(Step::Idle) => replay.sink.settle(),
                Ok(Step::End) => break,
                // That ended the input.
                Err(_) if cancel.has_begun() => {}
                Err(error) => bail!("cannot read on in {name}: {}", why(&error)),
            }
        }
        Ok(())
    }
}

/// Why reading failed, in words for the user.
fn why(error: &anyhow::Error) -> String {
    match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(ErrorKind::UnexpectedEof) => "its compressed data is cut off".into(),
        Some(ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other) => {
            format!("its compressed data is damaged ({error})")
        }
        _ => format!("{error:#}"),
    }
}
