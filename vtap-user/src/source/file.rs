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

use anyhow::{Context as _, Result, bail};
use vtap_common::{
    Outcome,
    abi::{Counters, ProtocolClass},
    examine,
};

use self::{
    input::Input,
    reader::{Link, Reader, Record, Step, link::Unread, window::Window},
};
use crate::{
    cli::Plan,
    escape, output,
    packet::{Packet, Tunnel},
    session::{
        Accounts,
        account::{Setting, StatsFile},
        cancel::Cancel,
        sink::Sink,
    },
    timestamp::Timestamp,
};

/// Reads the file to its end, until the count is reached or until a signal comes.
pub fn run(plan: &Plan, path: &Path, cancel: &Cancel) -> Result<()> {
    let name = escape::path(path).to_string();
    let mut records = Records::open(path, cancel).with_context(|| format!("cannot read {name}"))?;
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
    let Counters { received, tunnel, .. } = replay.counters;
    if let Some(words) = replay.unread.words() {
        say!("vtap: {name}: {words}");
    }
    let readable = received.packets - replay.unread.packets;
    let closed = accounts.close(&replay.counters, tally, &outputs, read);
    if readable > 0 && tunnel == 0 {
        say!(
            "vtap: {name} holds no mirrored packet: another tap port (--port)? What vtap itself \
             wrote is out of its tunnel already"
        );
    }
    closed
}

/// Frames on their way through the shared path.
struct Replay<'a> {
    plan: &'a Plan,
    counters: Counters,
    unread: Unread,
    sink: Sink,
}

impl<'a> Replay<'a> {
    fn new(plan: &'a Plan, sink: Sink) -> Self {
        Self { plan, counters: Counters::ZERO, unread: Unread::default(), sink }
    }
}

impl Replay<'_> {
    /// Takes a frame of whatever link type.
    fn frame(&mut self, time: Timestamp, link: Link, frame: &[u8]) -> Result<()> {
        let Some(kind) = link.kind else {
            self.unread.count(link.number);
            self.counters.received.count(frame.len() as u32);
            self.counters.not_tunnel += 1;
            return Ok(());
        };
        let (layer, selection) = (kind.layer(frame), &self.plan.selection);
        let outcome = examine(&frame, layer, selection, &mut self.counters);
        let Outcome::Matched(matched) = outcome else { return Ok(()) };
        let caplen = matched.inner.len.min(self.plan.snaplen);
        let start = matched.tunnel.payload as usize;
        let data = frame.get(start..start + caplen as usize);
        let data = data.context("the parser left the frame")?;
        self.sink.take(&Packet {
            time,
            tunnel: Tunnel {
                vni: matched.tunnel.vni(),
                src: matched.datagram.src,
                dst: matched.datagram.dst,
                src_port: u16::from_be(matched.datagram.src_port as u16),
                queue: None,
            },
            link: matched.tunnel.link(),
            class: ProtocolClass::of(matched.inner.protocol),
            wirelen: matched.wirelen(),
            data,
        });
        Ok(())
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
    fn read(&mut self, replay: &mut Replay<'_>, name: &str) -> Result<()> {
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
