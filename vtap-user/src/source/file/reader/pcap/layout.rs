//! How the records of a pcap file are laid out: found by what their headers would say.

use std::io;

use super::super::{
    MAX_CAPLEN,
    order::Order,
    window::{CAPACITY, Fill, Window},
};

/// Records that are looked at.
const RECORDS: usize = 3;
const _: () = assert!(RECORDS * (Layout::LONGEST + MAX_CAPLEN as usize) <= CAPACITY);

/// A layout of record headers. Each begins with seconds, a fraction and two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As libpcap has it.
    Standard,
    /// As of the patches of April and October 1999 (Red Hat 6): with interface, protocol and
    /// packet type.
    Patched,
    /// As of that of September 1999 (SUSE 6.3): with fields for debugging besides.
    PatchedSmp,
    /// As Nokia's firewalls have it: with something of four bytes.
    Nokia,
}

impl Layout {
    const LONGEST: usize = Self::PatchedSmp.header_len();

    /// Bytes of a record's header.
    pub const fn header_len(self) -> usize {
        match self {
            Self::Standard => 16,
            Self::Patched => 24,
            Self::PatchedSmp => 28,
            Self::Nokia => 20,
        }
    }

    /// Whether what only this layout has is not as it was seen with others.
    fn is_strange(self, header: &[u8], order: Order) -> bool {
        let number = order.u32(header, 16);
        match self {
            Self::Standard => false,
            // Linux had packet types from 0 to 4.
            Self::Patched | Self::PatchedSmp => {
                number > 10_000 || !is_protocol(order.u16(header, 20)) || header[22] > 4
            }
            Self::Nokia => !is_nokias(number),
        }
    }
}

/// How many of the fields are odd that all layouts have.
fn oddities(header: &[u8], order: Order, snaplen: u32) -> u32 {
    let number = |at| order.u32(header, at);
    let (fraction, captured, wire) = (number(4), number(8), number(12));
    let odd = [
        // All files that are laid out in several ways count microseconds.
        fraction >= 1_000_000,
        captured > MAX_CAPLEN,
        snaplen != 0 && captured > snaplen,
        wire > 1 << 27,
        captured > wire,
    ];
    odd.into_iter().map(u32::from).sum()
}

/// Whether Linux may have said this of a packet: an `EtherType`, or one of its own numbers.
const fn is_protocol(protocol: u16) -> bool {
    matches!(protocol, 0..=0x17 | 0x60 | 0x200 | 0x400 | 0x600..)
}

/// Whether this is like what Nokia's files were seen to have: `9fbfb601`, and variants.
const fn is_nokias(number: u32) -> bool {
    number & 0x0fff_00f0 == 0x0fbf_0000
        && matches!(number >> 28, 9 | 0xb)
        && matches!(number >> 12 & 0xf, 0xb | 0xd)
        && matches!(number >> 8 & 0xf, 6 | 9)
        && matches!(number & 0xf, 1 | 2)
}

/// Finds the layout of the records that come next: the least odd one, and of equals the first.
/// They should not be longer than `snaplen` bytes, where that is not zero.
///
/// `None` where nothing is at hand that would tell. From a pipe whose other end is slow, what came
/// first decides: it is not held back.
pub fn choose(
    layouts: &[Layout],
    order: Order,
    snaplen: u32,
    window: &mut Window,
) -> io::Result<Option<Layout>> {
    let mut best = None;
    for layout in layouts {
        let odd = loop {
            let Looked { odd, whole, wanted } = look(*layout, order, snaplen, window.ahead());
            let Some(wanted) = wanted else { break odd };
            match window.fill(wanted)? {
                Fill::Enough => {}
                // A file ends where a record does.
                Fill::Ended => break odd + u32::from(whole < window.ahead().len()),
                Fill::Idle if window.ahead().len() < Layout::LONGEST => return Ok(None),
                Fill::Idle => {
                    window.put_idle_back();
                    break odd;
                }
            }
        };
        if best.is_none_or(|(least, _)| odd < least) {
            best = Some((odd, *layout));
        }
        if odd == 0 {
            break;
        }
    }
    Ok(best.map(|(_, layout)| layout))
}

struct Looked {
    /// How many fields are odd.
    odd: u32,
    /// Where the last record ends that is whole.
    whole: usize,
    /// Bytes that there should be to look at all records, if there are not so many.
    wanted: Option<usize>,
}

fn look(layout: Layout, order: Order, snaplen: u32, bytes: &[u8]) -> Looked {
    let (mut odd, mut strange, mut whole, mut wanted) = (0, false, 0, None);
    for _ in 0..RECORDS {
        let data = whole + layout.header_len();
        let Some(header) = bytes.get(whole..data) else {
            wanted = Some(data);
            break;
        };
        odd += oddities(header, order, snaplen);
        strange |= layout.is_strange(header, order);
        let captured = order.u32(header, 8);
        if captured > MAX_CAPLEN {
            // What is behind it can't be told.
            break;
        }
        let end = data + captured as usize;
        if end > bytes.len() {
            wanted = Some(end);
            break;
        }
        whole = end;
    }
    // Once for all records: others may have written something else there.
    Looked { odd: odd + u32::from(strange), whole, wanted }
}
