//! Classic pcap with nanoseconds (draft-ietf-opsawg-pcap).

use anyhow::Result;
use bytes::BufMut as _;

use super::Format;
use crate::packet::Packet;

/// Marks nanosecond timestamps, in the byte order of the writer.
const MAGIC: u32 = 0xa1b2_3c4d;
/// A reader may want a bound for its buffer; this is libpcap's greatest.
const SNAPLEN: u32 = 262_144;
const LINKTYPE_ETHERNET: u32 = 1;

/// Ethernet frames as a pcap file.
pub struct Pcap;

impl Format for Pcap {
    fn header(&mut self, bytes: &mut Vec<u8>) {
        bytes.put_u32_ne(MAGIC);
        bytes.put_u16_ne(2);
        bytes.put_u16_ne(4);
        bytes.put_u64_ne(0);
        bytes.put_u32_ne(SNAPLEN);
        bytes.put_u32_ne(LINKTYPE_ETHERNET);
    }

    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, wirelen, data, .. } = *packet;
        let mut head = [0_u8; 16];
        let mut fields = &mut head[..];
        fields.put_u32_ne(time.seconds.cast_unsigned() as u32);
        fields.put_u32_ne(time.nanos);
        fields.put_u32_ne(data.len() as u32);
        fields.put_u32_ne(wirelen);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(data);
        Ok(())
    }
}
