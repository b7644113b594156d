//! pcapng (draft-ietf-opsawg-pcapng) with nanoseconds.

mod block;
mod comment;
mod interfaces;
#[cfg(test)]
mod tests;
mod time;

use anyhow::Result;
use bytes::BufMut as _;
use vtap_common::tunnel::LinkType;

use self::interfaces::{Interfaces, Place};
use super::Format;
use crate::packet::{Packet, Tunnel};

const SECTION_HEADER_BLOCK: u32 = 0x0a0d_0d0a;
const ENHANCED_PACKET_BLOCK: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const SECTION_LENGTH_UNKNOWN: u64 = u64::MAX;

const LINKTYPE_ETHERNET: u16 = 1;
const LINKTYPE_RAW: u16 = 101;

const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;

/// Packets as a pcapng file.
pub struct Pcapng {
    interfaces: Interfaces,
    /// Whether every packet tells its tunnel.
    annotate: bool,
    /// The options of the packet at hand.
    options: Vec<u8>,
}

impl Pcapng {
    /// Of packets that were captured on `device`. `annotate`: each has its tunnel as a comment.
    pub fn new(device: String, annotate: bool) -> Self {
        Self { interfaces: Interfaces::new(device), annotate, options: Vec::new() }
    }

    /// Puts what a packet needs besides its bytes into `options`.
    fn comment(&mut self, tunnel: &Tunnel) {
        let mut text = Vec::new();
        if self.annotate {
            comment::put_tunnel(&mut text, tunnel);
        } else {
            comment::put_vni(&mut text, tunnel.vni);
        }
        self.options.clear();
        block::put_option(&mut self.options, OPT_COMMENT, &text);
        block::end_options(&mut self.options);
    }
}

impl Format for Pcapng {
    fn header(&mut self, bytes: &mut Vec<u8>) {
        block::put(bytes, SECTION_HEADER_BLOCK, |body| {
            body.put_u32_ne(BYTE_ORDER_MAGIC);
            body.put_u16_ne(1);
            body.put_u16_ne(0);
            body.put_u64_ne(SECTION_LENGTH_UNKNOWN);
            let program = concat!("vtap ", env!("CARGO_PKG_VERSION"));
            block::put_option(body, SHB_USERAPPL, program.as_bytes());
            block::end_options(body);
        });
    }

    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, tunnel, link, wirelen, data, .. } = *packet;
        let link = match link {
            LinkType::Ethernet => LINKTYPE_ETHERNET,
            LinkType::RawIp => LINKTYPE_RAW,
        };
        let Place { id, is_shared, time } = self.interfaces.place(bytes, link, tunnel.vni, time)?;
        let options = if is_shared || self.annotate {
            self.comment(&tunnel);
            &self.options[..]
        } else {
            &[]
        };
        let padding = block::padding(data.len());
        let len = (data.len() + padding + options.len()) as u32 + 32;
        let (high, low) = ((time >> 32) as u32, time as u32);
        let head = [ENHANCED_PACKET_BLOCK, len, id, high, low, data.len() as u32, wirelen];
        bytes.extend_from_slice(head.map(u32::to_ne_bytes).as_flattened());
        bytes.extend_from_slice(data);
        let mut tail = [0; 7];
        tail[padding..padding + 4].copy_from_slice(&len.to_ne_bytes());
        if options.is_empty() {
            bytes.extend_from_slice(&tail[..padding + 4]);
        } else {
            bytes.extend_from_slice(&tail[..padding]);
            bytes.extend_from_slice(options);
            bytes.extend_from_slice(&tail[padding..padding + 4]);
        }
        Ok(())
    }

    fn trailer(&mut self, bytes: &mut Vec<u8>) {
        if self.interfaces.is_empty() {
            self.interfaces.describe_any(bytes, LINKTYPE_ETHERNET);
        }
    }
}
