//! What the blocks of a file say.

use anyhow::{Context as _, Result, bail, ensure};
use pcap_parser::{
    Block, Linktype, PcapBlockOwned, PcapHeader,
    pcapng::{InterfaceDescriptionBlock, SimplePacketBlock, UnknownBlock},
};

/// Per second.
const NANOS: u128 = 1_000_000_000;
/// The type of the Packet Block, which pcapng had before the Enhanced Packet Block.
const PACKET_BLOCK: u32 = 2;
/// Of a section: a small compressed file could else fill the memory.
const MAX_INTERFACES: usize = 65_536;

/// A section of a pcapng file, or a whole pcap file.
#[derive(Default)]
pub struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

/// What the packets of an interface of the file have in common.
struct Interface {
    link: Linktype,
    /// Bytes of a packet that were kept at most; 0 where there was no limit.
    snaplen: u32,
    /// Nanoseconds of its unit of time: numerator, and denominator, which most often is 1.
    unit: (u128, u128),
    /// Nanoseconds to add.
    offset: i128,
}

impl Section {
    /// The frame of a block, if it has one, and its time in nanoseconds since 1970.
    pub fn frame<'a>(&mut self, block: PcapBlockOwned<'a>) -> Result<Option<(u64, &'a [u8])>> {
        let frame = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.interfaces.push(Interface::of_pcap(&header));
                return Ok(None);
            }
            PcapBlockOwned::Legacy(packet) => {
                let interface = self.interface(0)?;
                let seconds = u64::from(packet.ts_sec) * NANOS as u64;
                (seconds + interface.nanos(packet.ts_usec.into()), packet.data)
            }
            PcapBlockOwned::NG(Block::SectionHeader(header)) => {
                *self = Self { big_endian: header.big_endian(), interfaces: Vec::new() };
                return Ok(None);
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(description)) => {
                ensure!(self.interfaces.len() < MAX_INTERFACES, "it has too many interfaces");
                self.interfaces.push(Interface::of_pcapng(&description, self.big_endian));
                return Ok(None);
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let interface = self.interface(packet.if_id)?;
                let time = interface.nanos(ticks(packet.ts_high, packet.ts_low));
                let data = packet.data.get(..packet.caplen as usize);
                (time, data.context("a packet is cut off")?)
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => (0, self.simple(&packet)?),
            PcapBlockOwned::NG(Block::Unknown(block)) if self.kind(&block) == PACKET_BLOCK => {
                self.obsolete(&block)?
            }
            PcapBlockOwned::NG(_) => return Ok(None),
        };
        Ok(Some(frame))
    }

    /// The parser takes it for little-endian in any case.
    fn kind(&self, block: &UnknownBlock<'_>) -> u32 {
        if self.big_endian { block.block_type.swap_bytes() } else { block.block_type }
    }

    /// An interface with packets. Others may be of any kind.
    fn interface(&self, id: u32) -> Result<&Interface> {
        let interface = self.interfaces.get(id as usize);
        let interface = interface.context("a packet names an interface that is not there")?;
        if interface.link != Linktype::ETHERNET {
            bail!(
                "the link type of a packet is {}, and vtap reads Ethernet: capture on one \
                 interface, not on `any`",
                interface.link
            );
        }
        Ok(interface)
    }

    /// It has only its length on the wire: the interface tells how much was kept, and what is more
    /// is padding.
    fn simple<'a>(&self, packet: &SimplePacketBlock<'a>) -> Result<&'a [u8]> {
        let limit = match self.interface(0)?.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let len = packet.data.len().min(packet.origlen.min(limit) as usize);
        Ok(&packet.data[..len])
    }

    /// As tools wrote it that are older than 2009.
    fn obsolete<'a>(&self, block: &UnknownBlock<'a>) -> Result<(u64, &'a [u8])> {
        const HEADER: usize = 20;
        let (header, data) = block.data.split_at_checked(HEADER).context("a packet is cut off")?;
        let number = |at: usize| {
            let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
            if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        // The other half of the first is a count of drops.
        let id = if self.big_endian { number(0) >> 16 } else { number(0) & 0xffff };
        let time = self.interface(id)?.nanos(ticks(number(4), number(8)));
        let data = data.get(..number(12) as usize);
        Ok((time, data.context("a packet is cut off")?))
    }
}

impl Interface {
    fn of_pcap(header: &PcapHeader) -> Self {
        let unit = if header.is_nanosecond_precision() { (1, 1) } else { (1000, 1) };
        Self { link: header.network, snaplen: header.snaplen, unit, offset: 0 }
    }

    fn of_pcapng(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        // The parser takes it for little-endian in any case.
        let offset = description.if_tsoffset;
        let offset = if big_endian { offset.swap_bytes() } else { offset };
        // The first bit tells the base. The parser's own way to say it knows no powers of two.
        let (base, exponent) = (description.if_tsresol >> 7, description.if_tsresol & 0x7f);
        let base: u128 = if base == 0 { 10 } else { 2 };
        let per_second = base.saturating_pow(exponent.into());
        let whole = NANOS.is_multiple_of(per_second);
        Self {
            link: description.linktype,
            snaplen: description.snaplen,
            unit: if whole { (NANOS / per_second, 1) } else { (NANOS, per_second) },
            offset: i128::from(offset) * NANOS.cast_signed(),
        }
    }

    /// Nanoseconds since 1970; a time before or long after is some other.
    fn nanos(&self, ticks: u64) -> u64 {
        let (numerator, denominator) = self.unit;
        let nanos = u128::from(ticks) * numerator;
        // A division of 128 bits takes as long as parsing a packet.
        let nanos = if denominator == 1 { nanos } else { nanos / denominator };
        nanos.wrapping_add_signed(self.offset) as u64
    }
}

/// A time in two halves.
fn ticks(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
