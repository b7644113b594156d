//! A capture from a file: the same parser and rules as in the kernel, in user space.

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow, bail};
use pcap_parser::{
    Block, Linktype, PcapBlockOwned, PcapError, PcapHeader, create_reader,
    pcapng::InterfaceDescriptionBlock, traits::PcapReaderIterator,
};
use vtap_common::{Outcome, counters::Counters, examine, record::RecordHeader};

use super::{Accounts, sink::Sink};
use crate::{
    account::{Setting, StatsFile},
    cli::Plan,
    output,
    packet::Packet,
};

/// The reader's buffer; a block must fit. Super-frames are of 64 kB and somewhat more.
const BUFFER: usize = 4 << 20;
const ZSTD_MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// Reads the file to its end or until the count is reached.
pub fn run(plan: &Plan, path: &Path) -> Result<()> {
    let name = path.display().to_string();
    let mut records = Records::open(path).with_context(|| format!("cannot read {name}"))?;
    let outputs = output::open(plan)?;
    let stats_file = plan.stats_json.as_deref().map(StatsFile::create).transpose()?;
    let setting = Setting {
        interface: name.clone(),
        xdp_mode: "none",
        verdict: "none",
        rules: plan.rules.clone(),
    };
    let accounts = Accounts { setting, stats_file, begin: Instant::now() };
    let mut replay =
        Replay { plan, counters: Counters::ZERO, sink: Sink::new(outputs, plan.count) };
    let read = records.read(&mut replay).with_context(|| format!("cannot read on in {name}"));
    let flushed = replay.sink.flush();
    accounts.close(&replay.counters, replay.sink.into_tally(), read.and(flushed))
}

/// Frames on their way through the shared path.
struct Replay<'a> {
    plan: &'a Plan,
    counters: Counters,
    sink: Sink,
}

impl Replay<'_> {
    fn frame(&mut self, time: u64, frame: &[u8]) -> Result<()> {
        let outcome = examine(&frame, &self.plan.selection, &mut self.counters);
        let Outcome::Matched(matched) = outcome else { return Ok(()) };
        let caplen = matched.inner.len.min(self.plan.snaplen);
        let start = matched.tunnel.payload as usize;
        let data = frame.get(start..start + caplen as usize);
        let data = data.context("the parser left the frame")?;
        let header = RecordHeader::new(&matched, caplen, time, 0);
        self.sink.take(&Packet { time, header: &header, data })
    }
}

/// The records of a capture file.
struct Records {
    blocks: Box<dyn PcapReaderIterator>,
    interfaces: Vec<Interface>,
}

/// What the packets of an interface of the file have in common.
struct Interface {
    link: Linktype,
    /// Units of time per second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

impl Records {
    fn open(path: &Path) -> Result<Self> {
        let raw: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            Box::new(File::open(path)?)
        };
        Self::of(raw)
    }

    fn of(raw: impl Read + Send + 'static) -> Result<Self> {
        let mut raw = BufReader::with_capacity(1 << 18, raw);
        let input: Box<dyn Read + Send> = if raw.fill_buf()?.starts_with(&ZSTD_MAGIC) {
            Box::new(zstd::Decoder::with_buffer(raw)?)
        } else {
            Box::new(raw)
        };
        let blocks = create_reader(BUFFER, input)
            .map_err(|error| anyhow!("it is neither pcap nor pcapng ({})", why(&error)))?;
        Ok(Self { blocks, interfaces: Vec::new() })
    }

    /// Hands every frame on.
    fn read(&mut self, replay: &mut Replay<'_>) -> Result<()> {
        while !replay.sink.is_full() {
            match self.blocks.next() {
                Ok((consumed, block)) => {
                    handle(&mut self.interfaces, replay, block)?;
                    self.blocks.consume(consumed);
                }
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => {
                    self.blocks.refill().map_err(|error| anyhow!(why(&error)))?;
                }
                Err(error) => bail!(why(&error)),
            }
        }
        Ok(())
    }
}

fn why(error: &PcapError<&[u8]>) -> String {
    match error {
        PcapError::UnexpectedEof => "the file ends within a packet".into(),
        PcapError::BufferTooSmall => "a block is too long".into(),
        PcapError::ReadError => "an error while reading, or bad compressed data".into(),
        PcapError::HeaderNotRecognized => "its first bytes are those of no known format".into(),
        _ => format!("a block is malformed: {error}"),
    }
}

fn handle(
    interfaces: &mut Vec<Interface>,
    replay: &mut Replay<'_>,
    block: PcapBlockOwned<'_>,
) -> Result<()> {
    match block {
        PcapBlockOwned::LegacyHeader(header) => interfaces.push(Interface::of_pcap(&header)?),
        PcapBlockOwned::Legacy(packet) => {
            let interface = interfaces.first().context("no header")?;
            let fraction = u64::from(packet.ts_usec) * (NANOS / interface.resolution);
            let time = u64::from(packet.ts_sec) * NANOS + fraction;
            replay.frame(time, packet.data)?;
        }
        PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
        PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
            interfaces.push(Interface::of_pcapng(&description)?);
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
            let interface = interfaces.get(packet.if_id as usize);
            let interface = interface.context("a packet names an interface that is not there")?;
            let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
            let data = packet.data.get(..packet.caplen as usize);
            replay.frame(interface.nanos(ticks), data.context("a packet is cut off")?)?;
        }
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
            let len = packet.data.len().min(packet.origlen as usize);
            replay.frame(0, &packet.data[..len])?;
        }
        PcapBlockOwned::NG(_) => {}
    }
    Ok(())
}

const NANOS: u64 = 1_000_000_000;

impl Interface {
    fn of_pcap(header: &PcapHeader) -> Result<Self> {
        let resolution = if header.is_nanosecond_precision() { NANOS } else { 1_000_000 };
        Self { link: header.network, resolution, offset: 0 }.checked()
    }

    fn of_pcapng(description: &InterfaceDescriptionBlock<'_>) -> Result<Self> {
        let resolution = description.ts_resolution().context("a bad time resolution")?;
        let link = description.linktype;
        Self { link, resolution, offset: description.if_tsoffset }.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.link != Linktype::ETHERNET {
            bail!(
                "its link type is {}, and vtap reads Ethernet: capture on one interface, not on \
                 `any`",
                self.link
            );
        }
        Ok(self)
    }

    /// Nanoseconds since 1970.
    fn nanos(&self, ticks: u64) -> u64 {
        let nanos = u128::from(ticks) * u128::from(NANOS) / u128::from(self.resolution.max(1));
        let offset = i128::from(self.offset) * i128::from(NANOS);
        nanos.saturating_add_signed(offset) as u64
    }
}
