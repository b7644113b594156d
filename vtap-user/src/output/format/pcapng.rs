//! pcapng (draft-ietf-opsawg-pcapng) with nanoseconds.
//!
//! Each network identifier is an interface of the file, described as `vni 7`: so it is kept with
//! every packet at no cost, and Wireshark shows and filters it (`frame.interface_description`).

use std::collections::HashMap;

use anyhow::Result;
use bytes::BufMut as _;
use vtap_common::tunnel::LinkType;

use super::Format;
use crate::packet::Packet;

const SECTION_HEADER_BLOCK: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION_BLOCK: u32 = 1;
const ENHANCED_PACKET_BLOCK: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const SECTION_LENGTH_UNKNOWN: u64 = u64::MAX;

const LINKTYPE_ETHERNET: u16 = 1;
const LINKTYPE_RAW: u16 = 101;

const OPT_ENDOFOPT: u16 = 0;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
/// As a power of ten.
const NANOSECONDS: u8 = 9;

/// Interfaces of a file at most; later identifiers share one without description. Made-up
/// identifiers would else fill the memory.
const MAX_INTERFACES: usize = 4096;

/// Packets as a pcapng file.
pub struct Pcapng {
    /// Where the packets were captured.
    device: String,
    interfaces: HashMap<Key, u32>,
    /// The interface of the last packet, which most often is that of the next.
    last: Option<(Key, u32)>,
}

/// Link type and, unless there are too many, network identifier.
type Key = (u16, Option<u32>);

impl Pcapng {
    /// Of packets that were captured on `device`.
    pub fn new(device: &str) -> Self {
        Self { device: device.to_owned(), interfaces: HashMap::new(), last: None }
    }

    fn interface(&mut self, bytes: &mut Vec<u8>, key: Key) -> u32 {
        if let Some((last, id)) = self.last
            && last == key
        {
            return id;
        }
        let known = self.interfaces.get(&key).copied();
        let (link, vni) = key;
        let id = match known {
            Some(id) => id,
            None if vni.is_some() && self.interfaces.len() >= MAX_INTERFACES => {
                return self.interface(bytes, (link, None));
            }
            None => {
                let id = self.interfaces.len() as u32;
                self.interface_description(bytes, link, vni);
                self.interfaces.insert(key, id);
                id
            }
        };
        self.last = Some((key, id));
        id
    }

    fn interface_description(&self, bytes: &mut Vec<u8>, link: u16, vni: Option<u32>) {
        put_block(bytes, INTERFACE_DESCRIPTION_BLOCK, |body| {
            body.put_u16_ne(link);
            body.put_u16_ne(0);
            body.put_u32_ne(0);
            put_option(body, IF_NAME, self.device.as_bytes());
            if let Some(vni) = vni {
                put_option(body, IF_DESCRIPTION, format!("vni {vni}").as_bytes());
            }
            put_option(body, IF_TSRESOL, &[NANOSECONDS]);
            put_option(body, OPT_ENDOFOPT, &[]);
        });
    }
}

impl Format for Pcapng {
    fn header(&mut self, bytes: &mut Vec<u8>) {
        put_block(bytes, SECTION_HEADER_BLOCK, |body| {
            body.put_u32_ne(BYTE_ORDER_MAGIC);
            body.put_u16_ne(1);
            body.put_u16_ne(0);
            body.put_u64_ne(SECTION_LENGTH_UNKNOWN);
            let program = concat!("vtap ", env!("CARGO_PKG_VERSION"));
            put_option(body, SHB_USERAPPL, program.as_bytes());
            put_option(body, OPT_ENDOFOPT, &[]);
        });
    }

    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, tunnel, link, wirelen, data, .. } = *packet;
        let link = match link {
            LinkType::Ethernet => LINKTYPE_ETHERNET,
            LinkType::RawIp => LINKTYPE_RAW,
        };
        let time = time.to_unix_nanos().unwrap_or(0);
        let interface = self.interface(bytes, (link, Some(tunnel.vni)));
        let padding = data.len().next_multiple_of(4) - data.len();
        let len = (data.len() + padding) as u32 + 32;
        let mut head = [0_u8; 28];
        let mut fields = &mut head[..];
        fields.put_u32_ne(ENHANCED_PACKET_BLOCK);
        fields.put_u32_ne(len);
        fields.put_u32_ne(interface);
        fields.put_u32_ne((time >> 32) as u32);
        fields.put_u32_ne(time as u32);
        fields.put_u32_ne(data.len() as u32);
        fields.put_u32_ne(wirelen);
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(data);
        bytes.extend_from_slice(&[0; 3][..padding]);
        bytes.extend_from_slice(&len.to_ne_bytes());
        Ok(())
    }
}

/// Appends a block with this body.
fn put_block(bytes: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = bytes.len();
    bytes.put_u32_ne(kind);
    bytes.put_u32_ne(0);
    body(bytes);
    let len = ((bytes.len() - begin) as u32 + 4).to_ne_bytes();
    bytes[begin + 4..begin + 8].copy_from_slice(&len);
    bytes.extend_from_slice(&len);
}

/// Appends an option, padded to 32 bits.
fn put_option(block: &mut Vec<u8>, code: u16, value: &[u8]) {
    block.put_u16_ne(code);
    block.put_u16_ne(value.len() as u16);
    block.put_slice(value);
    block.put_bytes(0, value.len().next_multiple_of(4) - value.len());
}
