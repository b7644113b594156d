//! Classic pcap with nanoseconds (draft-ietf-opsawg-pcap).

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use bytes::BufMut as _;

use super::Output;
use crate::packet::Packet;

/// Marks nanosecond timestamps, in the byte order of the writer.
const MAGIC: u32 = 0xa1b2_3c4d;
/// No packet is cut, but a reader may want a bound for its buffer; this is libpcap's.
const SNAPLEN: u32 = 262_144;
const LINKTYPE_ETHERNET: u32 = 1;
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// Writes Ethernet frames to a pcap file.
pub struct PcapWriter {
    out: BufWriter<File>,
    path: PathBuf,
}

impl PcapWriter {
    /// Creates the file.
    pub fn create(path: &Path) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut writer =
            Self { out: BufWriter::with_capacity(1 << 18, file), path: path.to_owned() };
        let mut header = Vec::with_capacity(24);
        header.put_u32_ne(MAGIC);
        header.put_u16_ne(2);
        header.put_u16_ne(4);
        header.put_u64_ne(0);
        header.put_u32_ne(SNAPLEN);
        header.put_u32_ne(LINKTYPE_ETHERNET);
        writer.write(&[&header])?;
        writer.flush()?;
        Ok(writer)
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<()> {
        let write = |part: &&[u8]| self.out.write_all(part);
        parts
            .iter()
            .try_for_each(write)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

impl Output for PcapWriter {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, header, data } = *packet;
        let mut head = [0_u8; 16];
        let mut fields = &mut head[..];
        fields.put_u32_ne((time / NANOS_PER_SEC) as u32);
        fields.put_u32_ne((time % NANOS_PER_SEC) as u32);
        fields.put_u32_ne(data.len() as u32);
        fields.put_u32_ne(header.wirelen);
        self.write(&[&head, data])
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().with_context(|| format!("cannot write {}", self.path.display()))
    }
}
