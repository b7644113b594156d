//! A capture from a file: the same parser and rules as in the kernel, in user space.

mod blocks;
mod input;
#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    io::{BufReader, Cursor, Read},
    path::Path,
    rc::Rc,
};

use anyhow::{Context as _, Result, anyhow, bail};
use pcap_parser::{LegacyPcapReader, PcapError, PcapNGReader, traits::PcapReaderIterator};
use vtap_common::{
    Outcome,
    abi::{Counters, ProtocolClass},
    examine,
    wire::LinkLayer,
};

use self::{blocks::Section, input::Input};
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

/// The reader's buffer; a block must fit. Super-frames are of 64 kB and somewhat more.
const BUFFER: usize = 4 << 20;
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const PCAPNG_MAGIC: [u8; 4] = 0x0a0d_0d0a_u32.to_le_bytes();
const PCAP_HEADER: usize = 24;
/// Of a section header: up to and including what tells the byte order.
const PCAPNG_START: usize = 12;
const BIG_ENDIAN: [u8; 4] = 0x1a2b_3c4d_u32.to_be_bytes();

/// Reads the file to its end, until the count is reached or until a signal comes.
pub fn run(plan: &Plan, path: &Path) -> Result<()> {
    let name = escape::path(path).to_string();
    let cancel = Cancel::new().context("cannot make a pair of sockets for signals")?;
    let mut records =
        Records::open(path, &cancel).with_context(|| format!("cannot read {name}"))?;
    let stats_file = plan.stats_json.as_deref().map(StatsFile::create).transpose()?;
    let lanes = output::open(plan, &cancel)?;
    let setting = Setting {
        interface: plan.source.name(),
        xdp_mode: "none",
        verdict: "none",
        rules: plan.rules.clone(),
    };
    let accounts = Accounts::open(plan, setting, stats_file, cancel.clone());
    let sink = Sink::new(lanes, plan.count, cancel);
    let mut replay = Replay { plan, counters: Counters::ZERO, sink };
    let read = records.read(&mut replay, &name);
    let (tally, outputs) = replay.sink.finish();
    let Counters { received, tunnel, .. } = replay.counters;
    let closed = accounts.close(&replay.counters, tally, &outputs, read);
    if received.packets > 0 && tunnel == 0 {
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
    sink: Sink,
}

impl Replay<'_> {
    fn frame(&mut self, time: u64, frame: &[u8]) -> Result<()> {
        let outcome =
            examine(&frame, LinkLayer::Ethernet, &self.plan.selection, &mut self.counters);
        let Outcome::Matched(matched) = outcome else { return Ok(()) };
        let caplen = matched.inner.len.min(self.plan.snaplen);
        let start = matched.tunnel.payload as usize;
        let data = frame.get(start..start + caplen as usize);
        let data = data.context("the parser left the frame")?;
        self.sink.take(&Packet {
            time: Timestamp::from_unix_nanos(time),
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

/// The records of a capture file.
struct Records {
    /// None where a signal came before there was anything to read.
    blocks: Option<Box<dyn PcapReaderIterator>>,
    /// Whether reading failed only because nothing is at hand.
    idle: Rc<Cell<bool>>,
    section: Section,
    cancel: Cancel,
}

impl Records {
    fn open(path: &Path, cancel: &Cancel) -> Result<Self> {
        let idle = Rc::new(Cell::new(false));
        Self::of(Input::open(path, Rc::clone(&idle), cancel)?, idle, cancel)
    }

    fn of(mut raw: impl Read + 'static, idle: Rc<Cell<bool>>, cancel: &Cancel) -> Result<Self> {
        let mut magic = Vec::new();
        input::fill(&mut magic, ZSTD_MAGIC.len(), &mut raw)?;
        let compressed = magic == ZSTD_MAGIC;
        let raw = Cursor::new(magic).chain(raw);
        let blocks = if compressed {
            let raw = BufReader::with_capacity(1 << 18, raw);
            blocks(Box::new(zstd::Decoder::with_buffer(raw)?))
        } else {
            blocks(Box::new(raw))
        };
        let blocks = if cancel.has_begun() { None } else { Some(blocks?) };
        Ok(Self { blocks, idle, section: Section::default(), cancel: cancel.clone() })
    }

    /// Hands every frame on; `name` is for error messages.
    fn read(&mut self, replay: &mut Replay<'_>, name: &str) -> Result<()> {
        let Some(blocks) = &mut self.blocks else { return Ok(()) };
        let failed = || format!("cannot read on in {name}");
        while !self.cancel.has_begun() {
            match blocks.next() {
                Ok((consumed, block)) => {
                    if let Some((time, frame)) = self.section.frame(block).with_context(failed)? {
                        replay.frame(time, frame)?;
                    }
                    blocks.consume(consumed);
                }
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => match blocks.refill() {
                    Ok(()) => {}
                    Err(_) if self.cancel.has_begun() => {}
                    Err(_) if self.idle.get() => replay.sink.settle(),
                    Err(error) => bail!("{}: {}", failed(), why(&error)),
                },
                Err(error) => bail!("{}: {}", failed(), why(&error)),
            }
        }
        Ok(())
    }
}

/// Takes the header first, whole and alone: the readers want it in one piece, and what follows may
/// be long in coming.
fn blocks(mut input: Box<dyn Read>) -> Result<Box<dyn PcapReaderIterator>> {
    let mut head = Vec::new();
    input::fill(&mut head, PCAPNG_START, &mut input)?;
    let is_pcapng = head.starts_with(&PCAPNG_MAGIC);
    let len = if is_pcapng { section_header_len(&head) } else { PCAP_HEADER };
    input::fill(&mut head, len, &mut input)?;
    let input = Cursor::new(head).chain(input);
    if is_pcapng {
        PcapNGReader::new(BUFFER, input).map(|blocks| Box::new(blocks) as _)
    } else {
        LegacyPcapReader::new(BUFFER, input).map(|blocks| Box::new(blocks) as _)
    }
    .map_err(|error| anyhow!("it is neither pcap nor pcapng ({})", why(&error)))
}

fn section_header_len(start: &[u8]) -> usize {
    let (Some(len), Some(order)) = (start.get(4..8), start.get(8..12)) else { return 0 };
    let len = [len[0], len[1], len[2], len[3]];
    let len = if order == BIG_ENDIAN { u32::from_be_bytes(len) } else { u32::from_le_bytes(len) };
    BUFFER.min(len as usize)
}

fn why(error: &PcapError<&[u8]>) -> String {
    match error {
        PcapError::UnexpectedEof => "the file ends within a packet".into(),
        PcapError::BufferTooSmall => "a block is too long".into(),
        PcapError::ReadError => "an error while reading, or bad compressed data".into(),
        PcapError::HeaderNotRecognized => "its first bytes are those of no known format".into(),
        PcapError::Eof | PcapError::Incomplete(_) => "it ends within its header".into(),
        _ => format!("a block is malformed: {error}"),
    }
}
