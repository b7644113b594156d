//! Reads what `vtap` wrote, with a parser that is not its own.

use std::{
    collections::HashMap,
    fs::File,
    io::{Cursor, Read},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

/// One packet of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Length on the wire.
    pub wirelen: u32,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Link type of the interface, or of the file.
    pub link: i32,
    /// Description of its interface, in pcapng.
    pub description: Option<String>,
}

/// All packets of a pcap or pcapng file, which must be whole; times are taken for nanoseconds.
pub fn read(path: &Path) -> Result<Vec<Packet>> {
    let file = File::open(path)?;
    let ending = path.extension().unwrap_or_default();
    let file: Box<dyn Read + Send> = if ending == "zst" {
        Box::new(zstd::Decoder::new(file)?)
    } else if ending == "gz" {
        Box::new(flate2::read::GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    packets(file)
}

/// The packets that are whole, of a pcapng stream that may be cut anywhere.
pub fn whole_packets(mut bytes: Vec<u8>) -> Result<Vec<Packet>> {
    // A cut block is an error to the parser, and so it is taken off.
    let mut end = 0;
    while let Some(len) = bytes.get(end + 4..end + 8) {
        let len = u32::from_ne_bytes([len[0], len[1], len[2], len[3]]) as usize;
        if len == 0 || end + len > bytes.len() {
            break;
        }
        end += len;
    }
    bytes.truncate(end);
    packets(Box::new(Cursor::new(bytes)))
}

fn packets(file: Box<dyn Read + Send>) -> Result<Vec<Packet>> {
    let mut reader = create_reader(1 << 20, file).context("not a capture file")?;
    let mut packets = Vec::new();
    let mut interfaces = HashMap::new();
    let mut legacy_link = 0;
    loop {
        match reader.next() {
            Ok((offset, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        legacy_link = header.network.0;
                    }
                    PcapBlockOwned::Legacy(packet) => packets.push(Packet {
                        time: u64::from(packet.ts_sec) * 1_000_000_000 + u64::from(packet.ts_usec),
                        wirelen: packet.origlen,
                        data: packet.data.to_vec(),
                        link: legacy_link,
                        description: None,
                    }),
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        let description = interface.options.iter().find_map(|option| {
                            let text = String::from_utf8_lossy(&option.value);
                            (option.code.0 == 3).then(|| text.trim_end_matches('\0').to_owned())
                        });
                        let id = interfaces.len() as u32;
                        interfaces.insert(id, (interface.linktype.0, description));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let (link, description) =
                            interfaces.get(&packet.if_id).cloned().context("no such interface")?;
                        packets.push(Packet {
                            time: u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low),
                            wirelen: packet.origlen,
                            data: packet.data[..packet.caplen as usize].to_vec(),
                            link,
                            description,
                        });
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(offset);
            }
            Err(PcapError::Eof) => return Ok(packets),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| anyhow::anyhow!("{error:?}"))?;
            }
            Err(error) => bail!("{error:?}"),
        }
    }
}
