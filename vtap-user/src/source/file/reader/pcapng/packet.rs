//! The blocks that hold packets.

use anyhow::{Result, ensure};

use super::{
    super::{Lengths, MAX_CAPLEN, Record},
    BLOCK_HEADER, BLOCK_TRAILER, Block, ENHANCED_PACKET, SIMPLE_PACKET,
    interface::{Interface, Interfaces},
    options::Options,
};
use crate::timestamp::Timestamp;

/// Where the bytes of a packet begin in its block.
const ENHANCED_DATA: usize = BLOCK_HEADER + 20;
const SIMPLE_DATA: usize = BLOCK_HEADER + 4;

const FLAGS: u16 = 2;
const FCS_SHIFT: u32 = 5;
const FCS_MASK: u32 = 0xf;

impl Block {
    /// The packet of a block that begins with these bytes, and how many of them it is in. Its
    /// place is that in the block.
    #[inline]
    pub fn packet(&self, bytes: &[u8], interfaces: &Interfaces) -> Result<(Record, usize)> {
        if self.kind == SIMPLE_PACKET {
            return self.simple(bytes, interfaces);
        }
        self.holds(ENHANCED_DATA as u64)?;
        let number = |at| self.order.u32(bytes, at);
        // The obsolete block has a count of drops beside the interface.
        let id =
            if self.kind == ENHANCED_PACKET { number(8) } else { self.order.u16(bytes, 8).into() };
        let interface = interfaces.get(id)?;
        let lengths = Lengths { captured: number(20), wire: number(24) };
        let end = self.end(ENHANCED_DATA, lengths.captured)?;
        let count = u64::from(number(12)) << 32 | u64::from(number(16));
        let options = end.next_multiple_of(4)..bytes.len() - BLOCK_TRAILER;
        let fcs = if options.is_empty() { 0 } else { self.fcs(&bytes[options]) };
        let fcs = if fcs == 0 { u32::from(interface.fcs) } else { fcs };
        let time = interface.ticks.time(count);
        Ok((record(interface, time, ENHANCED_DATA, lengths, fcs), end))
    }

    /// It has no time, and only its length on the wire: the interface tells how much was kept, and
    /// what is more is padding.
    fn simple(&self, bytes: &[u8], interfaces: &Interfaces) -> Result<(Record, usize)> {
        self.holds(SIMPLE_DATA as u64)?;
        let interface = interfaces.get(0)?;
        let wire = self.order.u32(bytes, BLOCK_HEADER);
        let room = self.len - (SIMPLE_DATA + BLOCK_TRAILER) as u64;
        let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
        let captured = wire.min(limit).min(u32::try_from(room).unwrap_or(u32::MAX));
        let end = self.end(SIMPLE_DATA, captured)?;
        let lengths = Lengths { captured, wire };
        let fcs = interface.fcs.into();
        Ok((record(interface, Timestamp::default(), SIMPLE_DATA, lengths, fcs), end))
    }

    /// Where the packet ends that begins at `data`.
    #[inline]
    fn end(&self, data: usize, captured: u32) -> Result<usize> {
        ensure!(
            captured <= MAX_CAPLEN,
            "is {captured} bytes long, and no more than {MAX_CAPLEN} can be"
        );
        let end = data + captured as usize;
        self.holds(end as u64)?;
        Ok(end)
    }

    /// Checks that there are so many bytes in the block.
    #[inline]
    fn holds(&self, len: u64) -> Result<()> {
        let room = self.len - BLOCK_TRAILER as u64;
        ensure!(len <= room, "does not fit into its block of {} bytes", self.len);
        Ok(())
    }

    /// Bytes of the frame check sequence that the packet itself is said to have, or zero.
    fn fcs(&self, options: &[u8]) -> u32 {
        let flags = Options::new(options, self.order)
            .find(|(code, value)| *code == FLAGS && value.len() == 4);
        flags.map_or(0, |(_, flags)| self.order.u32(flags, 0) >> FCS_SHIFT & FCS_MASK)
    }
}

#[inline]
fn record(
    interface: &Interface,
    time: Timestamp,
    data: usize,
    lengths: Lengths,
    fcs: u32,
) -> Record {
    let place = data..data + lengths.without(fcs) as usize;
    Record { time, link: interface.link, place }
}
