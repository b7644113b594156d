//! pcapng (draft-ietf-opsawg-pcapng): blocks, each of which says how long it is.
//!
//! Only blocks that describe an interface or hold a packet are looked into. Whatever another block
//! holds, and however damaged that is, it is passed over.

mod interface;
mod options;
mod packet;

use anyhow::{Result, bail, ensure};

use self::interface::Interfaces;
use super::{
    Step, missing,
    order::Order,
    window::{CAPACITY, Fill, Window},
};

/// Bytes that tell whether a file is pcapng.
pub const START: usize = 12;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
/// What pcapng had before the Enhanced Packet Block.
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// Type and length.
const BLOCK_HEADER: usize = 8;
/// The length once more.
const BLOCK_TRAILER: usize = 4;
const SHORTEST_BLOCK: u64 = (BLOCK_HEADER + BLOCK_TRAILER) as u64;
/// Of a section header: up to where its options begin.
const SECTION_FIXED: usize = 24;

/// A reader of blocks.
pub struct Pcapng {
    /// Of the section.
    order: Order,
    interfaces: Interfaces,
}

/// A block of which the beginning is there.
struct Block {
    kind: u32,
    order: Order,
    /// Its length with all that belongs to it, in the file; a multiple of four.
    len: u64,
    /// Bytes of it that are there.
    there: usize,
}

impl Pcapng {
    /// A reader of a file with this beginning, or `None` where it is no pcapng file.
    pub fn open(window: &Window) -> Option<Self> {
        let start = window.ahead();
        let is_section = start.starts_with(&SECTION_HEADER.to_le_bytes());
        let order = Order::of(start.get(BLOCK_HEADER..)?, BYTE_ORDER_MAGIC)?;
        is_section.then(|| Self { order, interfaces: Interfaces::default() })
    }

    /// The next packet.
    #[inline]
    pub fn next(&mut self, window: &mut Window) -> Result<Step> {
        loop {
            match window.fill(BLOCK_HEADER)? {
                Fill::Enough => {}
                fill => return missing(fill, window, "a block"),
            }
            match self.order.u32(window.ahead(), 0) {
                kind @ (OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET) => {
                    match self.block(kind, window)? {
                        Ok(block) => return self.packet(&block, window),
                        Err(fill) => return missing(fill, window, "a packet"),
                    }
                }
                kind @ INTERFACE_DESCRIPTION => match self.block(kind, window)? {
                    Ok(block) => {
                        self.interfaces.describe(&window.ahead()[..block.there], self.order);
                        window.skip(block.len);
                    }
                    Err(fill) => return missing(fill, window, "a block"),
                },
                // The same in both byte orders.
                SECTION_HEADER => {
                    if let Some(step) = self.section(window)? {
                        return Ok(step);
                    }
                }
                _ => {
                    let len = self.len(window)?;
                    window.skip(len);
                }
            }
        }
    }

    /// Enters a section, or says why it can't.
    fn section(&mut self, window: &mut Window) -> Result<Option<Step>> {
        match window.fill(SECTION_FIXED)? {
            Fill::Enough => {}
            fill => return missing(fill, window, "a block").map(Some),
        }
        let header = window.ahead();
        let Some(order) = Order::of(&header[BLOCK_HEADER..], BYTE_ORDER_MAGIC) else {
            bail!("the section at byte {} has no known byte order", window.position());
        };
        let version = (order.u16(header, 12), order.u16(header, 14));
        ensure!(
            version.0 == 1,
            "the section at byte {} is of version {}.{} of pcapng",
            window.position(),
            version.0,
            version.1
        );
        *self = Self { order, interfaces: Interfaces::default() };
        let len = self.len(window)?;
        window.skip(len);
        Ok(None)
    }

    /// The length of the block that comes next, of which the header is there.
    fn len(&self, window: &Window) -> Result<u64> {
        // Some writers leave out the padding here, although it is there.
        let len = u64::from(self.order.u32(window.ahead(), 4)).next_multiple_of(4);
        ensure!(
            len >= SHORTEST_BLOCK,
            "the block at byte {} says that it is {len} bytes long: the file is damaged",
            window.position()
        );
        Ok(len)
    }

    /// The block that comes next: all of it, or as much as there is room for.
    #[inline]
    fn block(&self, kind: u32, window: &mut Window) -> Result<Result<Block, Fill>> {
        let len = self.len(window)?;
        let there = usize::try_from(len).map_or(CAPACITY, |len| len.min(CAPACITY));
        Ok(match window.fill(there)? {
            Fill::Enough => Ok(Block { kind, order: self.order, len, there }),
            fill => Err(fill),
        })
    }

    #[inline]
    fn packet(&self, block: &Block, window: &mut Window) -> Result<Step> {
        let bytes = &window.ahead()[..block.there];
        let at = window.position();
        let found = block.check_trailer(bytes).and_then(|()| block.packet(bytes, &self.interfaces));
        let (mut record, len) = match found {
            Ok(found) => found,
            Err(why) => bail!("the packet at byte {at} {why:#}: the file is damaged"),
        };
        let taken = window.take(len);
        record.place.start += taken.start;
        record.place.end += taken.start;
        window.skip(block.len - len as u64);
        Ok(Step::Packet(record))
    }
}

impl Block {
    /// Where the lengths at either end differ, it is not known where the block ends.
    #[inline]
    fn check_trailer(&self, bytes: &[u8]) -> Result<()> {
        if self.len > CAPACITY as u64 {
            return Ok(());
        }
        let trailer = self.order.u32(bytes, bytes.len().saturating_sub(BLOCK_TRAILER));
        let trailer = u64::from(trailer).next_multiple_of(4);
        ensure!(trailer == self.len, "is in a block of {} bytes, or of {trailer}", self.len);
        Ok(())
    }
}
