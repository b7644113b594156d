//! Classic pcap with nanoseconds (draft-ietf-opsawg-pcap).

#[cfg(test)]
mod tests;

use anyhow::{Error, Result, anyhow};
use bytes::BufMut as _;

use super::Format;
use crate::{packet::Packet, timestamp::Timestamp};

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
        let seconds = u32::try_from(time.seconds).map_err(|_| beyond(time))?;
        let mut head = [0_u8; 16];
        let mut fields = &mut head[..];
        fields.put_u32_ne(seconds);
        fields.put_u32_ne(time.nanos);
        fields.put_u32_ne(data.len() as u32);
        fields.put_u32_ne(wirelen);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(data);
        Ok(())
    }
}

/// A time before 1970 or after 2106.
#[cold]
fn beyond(time: Timestamp) -> Error {
    let seconds = time.seconds;
    anyhow!(
        "a packet's time is {seconds} seconds from 1970, and a .pcap file holds 0 to {}: name the \
         file .pcapng",
        u32::MAX
    )
}
