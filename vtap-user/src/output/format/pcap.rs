//! Classic pcap with nanoseconds (draft-ietf-opsawg-pcap).

use std::path::Path;

use anyhow::Result;
use bytes::BufMut as _;

use crate::{
    output::{Output, lane::records::Records},
    packet::Packet,
};

/// Marks nanosecond timestamps, in the byte order of the writer.
const MAGIC: u32 = 0xa1b2_3c4d;
/// A reader may want a bound for its buffer; this is libpcap's greatest.
const SNAPLEN: u32 = 262_144;
const LINKTYPE_ETHERNET: u32 = 1;

/// Writes Ethernet frames to a pcap file.
pub struct PcapWriter {
    records: Records,
}

impl PcapWriter {
    /// To a file.
    pub fn create(path: &Path) -> Result<Self> {
        let mut records = Records::create(path)?;
        let mut header = Vec::with_capacity(24);
        header.put_u32_ne(MAGIC);
        header.put_u16_ne(2);
        header.put_u16_ne(4);
        header.put_u64_ne(0);
        header.put_u32_ne(SNAPLEN);
        header.put_u32_ne(LINKTYPE_ETHERNET);
        records.block(&[&header]);
        records.end_header();
        Ok(Self { records })
    }
}

impl Output for PcapWriter {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, wirelen, data, .. } = *packet;
        let mut head = [0_u8; 16];
        let mut fields = &mut head[..];
        fields.put_u32_ne(time.seconds.cast_unsigned() as u32);
        fields.put_u32_ne(time.nanos);
        fields.put_u32_ne(data.len() as u32);
        fields.put_u32_ne(wirelen);
        self.records.packet(&[&head, data])
    }

    fn keep_up(&mut self) -> Result<bool> {
        self.records.keep_up()
    }

    fn flush(&mut self) -> Result<()> {
        self.records.flush()
    }

    fn packets(&self) -> u64 {
        self.records.packets()
    }
}
