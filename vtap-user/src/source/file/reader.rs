//! A capture file as a row of packets, whatever its format.

pub mod link;
mod order;
mod pcap;
mod pcapng;
mod ticks;
pub mod window;

use std::ops::Range;

use anyhow::{Context as _, Result, bail};

use self::{
    pcap::Pcap,
    pcapng::Pcapng,
    window::{Fill, Window},
};
use crate::timestamp::Timestamp;

/// Bytes of a packet at most, as in libpcap and Wireshark. A length beyond is a sign of damage.
const MAX_CAPLEN: u32 = 262_144;

/// What comes next in a file.
pub enum Step {
    /// A packet.
    Packet(Record),
    /// Nothing yet: the other end of a pipe has written no more. Asking again waits for it.
    Idle,
    /// The end of the file.
    End,
}

/// A packet of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was captured; 1970 where the file does not tell.
    pub time: Timestamp,
    /// What it begins with.
    pub link: Link,
    /// Where its bytes are in the [`Window`], until more is read. A frame check sequence behind
    /// them is none of them.
    pub place: Range<usize>,
}

/// A link type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub number: u16,
    /// Its kind, or `None` where vtap does not read it.
    pub kind: Option<link::Kind>,
}

impl Link {
    fn new(number: u16) -> Self {
        Self { number, kind: link::Kind::of(number) }
    }
}

/// A reader of either format.
pub enum Reader {
    /// Of pcap.
    Pcap(Pcap),
    /// Of pcapng.
    Pcapng(Pcapng),
}

impl Reader {
    /// Reads as much as tells the format.
    pub fn open(window: &mut Window) -> Result<Self> {
        window.wait_for(pcapng::START)?;
        if let Some(pcapng) = Pcapng::open(window) {
            return Ok(Self::Pcapng(pcapng));
        }
        let pcap = Pcap::open(window)?;
        pcap.map(Self::Pcap).context("it is neither pcap nor pcapng")
    }

    /// The next packet. After an error, there is none.
    #[inline]
    pub fn next(&mut self, window: &mut Window) -> Result<Step> {
        match self {
            Self::Pcap(pcap) => pcap.next(window),
            Self::Pcapng(pcapng) => pcapng.next(window),
        }
    }
}

/// How a packet says how long it is.
#[derive(Clone, Copy)]
struct Lengths {
    /// Bytes that the file has.
    captured: u32,
    /// Bytes that there were on the wire.
    wire: u32,
}

impl Lengths {
    /// Bytes of the packet without its frame check sequence, which is said to have `fcs` bytes on
    /// the wire and may be cut off. No longer one is known than Ethernet's.
    const fn without(self, fcs: u32) -> u32 {
        const LONGEST: u32 = 4;
        let fcs = if fcs > LONGEST { 0 } else { fcs };
        let cut = self.wire.saturating_sub(self.captured);
        self.captured.saturating_sub(fcs.saturating_sub(cut))
    }
}

/// What it means that fewer bytes are there than `what` has; nothing has been taken of that.
fn missing(fill: Fill, window: &Window, what: &str) -> Result<Step> {
    match fill {
        Fill::Idle => Ok(Step::Idle),
        Fill::Ended if window.is_empty() => Ok(Step::End),
        Fill::Enough | Fill::Ended => bail!("the file ends within {what}"),
    }
}
