//! The interfaces of a section.

use anyhow::{Result, bail};

use super::{
    super::{
        Link,
        order::Order,
        ticks::{Ticks, Unit},
    },
    BLOCK_HEADER, BLOCK_TRAILER,
    options::Options,
};

/// Interfaces of a section that are kept: a small compressed file could else fill the memory.
const KEPT: usize = 1 << 20;
/// Of a description: up to where its options begin.
const FIXED: usize = BLOCK_HEADER + 8;

const TIME_RESOLUTION: u16 = 9;
const FCS_LENGTH: u16 = 13;
const TIME_OFFSET: u16 = 14;

/// What the packets of an interface have in common.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// What they begin with.
    pub link: Link,
    /// Bytes of a packet that were kept at most; 0 where there was no limit.
    pub snaplen: u32,
    /// How it counts time.
    pub ticks: Ticks,
    /// Bytes of a frame check sequence behind each packet.
    pub fcs: u8,
}

/// The interfaces that were described so far, by their numbers.
#[derive(Default)]
pub struct Interfaces {
    kept: Vec<Interface>,
    /// All that there are.
    count: u64,
}

impl Interfaces {
    /// Adds the interface of a description block. Whatever that lacks is as if it were not said.
    pub fn describe(&mut self, block: &[u8], order: Order) {
        self.count += 1;
        if self.kept.len() < KEPT {
            self.kept.push(Interface::of(block, order));
        }
    }

    /// The interface with a number.
    #[inline]
    pub fn get(&self, id: u32) -> Result<&Interface> {
        match self.kept.get(id as usize) {
            Some(interface) => Ok(interface),
            None if u64::from(id) < self.count => {
                bail!("is of interface {id}, and vtap keeps {KEPT} of a section")
            }
            None => bail!("is of interface {id}, and the section has {}", self.count),
        }
    }
}

impl Interface {
    fn of(block: &[u8], order: Order) -> Self {
        let options = block.get(FIXED..block.len().saturating_sub(BLOCK_TRAILER));
        let options = || Options::new(options.unwrap_or_default(), order);
        // The first of a kind counts, and only if it is as long as it should be.
        let byte = |code| {
            options().find_map(|option| match option {
                (found, [byte]) if found == code => Some(*byte),
                _ => None,
            })
        };
        let offset = options().find(|(code, value)| *code == TIME_OFFSET && value.len() == 8);
        Self {
            link: Link::new(order.u16(block, 8)),
            snaplen: order.u32(block, 12),
            ticks: Ticks {
                unit: byte(TIME_RESOLUTION).map_or(Unit::Micro, Unit::of_resolution),
                offset: offset.map_or(0, |(_, seconds)| order.i64(seconds, 0)),
            },
            fcs: byte(FCS_LENGTH).map_or(0, fcs_bytes),
        }
    }
}

/// The option counts bits, but the draft's own example has 4 where bytes must be meant.
const fn fcs_bytes(len: u8) -> u8 {
    if len < 8 { len } else { len / 8 }
}
