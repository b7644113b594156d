//! pcap, in all the forms in which it is met.
//!
//! The original (draft-ietf-opsawg-pcap) has few, but before it was settled, others patched theirs
//! and left the magic number as it was; [`layout`] finds out by looking at the first records.

mod layout;

use anyhow::{Result, ensure};

use self::layout::Layout;
use super::{
    Lengths, Link, MAX_CAPLEN, Record, Step, missing,
    order::Order,
    ticks::{self, Unit},
    window::{Fill, Window},
};

const HEADER: usize = 24;

/// What a file begins with.
struct Magic {
    number: u32,
    unit: Unit,
    /// Bytes behind the header that only this form has.
    more: usize,
    /// How the records may be laid out. The first is the most likely.
    layouts: &'static [Layout],
}

const MAGICS: [Magic; 5] = [
    Magic {
        number: STANDARD,
        unit: Unit::Micro,
        more: 0,
        layouts: &[Layout::Standard, Layout::Patched, Layout::Nokia],
    },
    Magic { number: 0xa1b2_3c4d, unit: Unit::Nano, more: 0, layouts: &[Layout::Standard] },
    // Alexey Kuznetzov's patches of 1999.
    Magic {
        number: 0xa1b2_cd34,
        unit: Unit::Micro,
        more: 0,
        layouts: &[Layout::Patched, Layout::PatchedSmp],
    },
    // Ixia's captures by hardware and by software say how long all records are together.
    Magic { number: 0x1c00_01ac, unit: Unit::Nano, more: 4, layouts: &[Layout::Standard] },
    Magic { number: 0x1c00_01ab, unit: Unit::Micro, more: 4, layouts: &[Layout::Standard] },
];
const STANDARD: u32 = 0xa1b2_c3d4;

/// What a record has first.
#[derive(Clone, Copy)]
enum LengthsOrder {
    /// The captured length.
    Captured,
    /// The length on the wire: before version 2.3.
    Wire,
    /// Of version 2.3, there are files of either kind: the captured length is the smaller.
    Smaller,
}

/// A reader of records.
pub struct Pcap {
    order: Order,
    unit: Unit,
    lengths: LengthsOrder,
    link: Link,
    /// Bytes of a frame check sequence behind each packet.
    fcs: u32,
    layout: Layout,
    /// Where it is not known yet: what it may be.
    layouts: Option<&'static [Layout]>,
    snaplen: u32,
}

impl Pcap {
    /// Takes the header, or nothing where this is no pcap file. As much is there as tells that.
    pub fn open(window: &mut Window) -> Result<Option<Self>> {
        const FCS_PRESENT: u32 = 0x0400_0000;
        const FCS_SHIFT: u32 = 28;
        let Some((magic, order)) = magic(window.ahead()) else { return Ok(None) };
        let len = HEADER + magic.more;
        ensure!(window.wait_for(len)?, "it ends within its header");
        let header = window.take(len);
        let header = window.at(header);
        let version = (order.u16(header, 4), order.u16(header, 6));
        ensure!(version.0 >= 2, "it is of version {}.{} of pcap", version.0, version.1);
        let lengths = match version {
            // The last is that of DG/UX.
            (2, 0..3) | (543, _) => LengthsOrder::Wire,
            (2, 3) => LengthsOrder::Smaller,
            _ => LengthsOrder::Captured,
        };
        let network = order.u32(header, 20);
        let aix = (magic.number == STANDARD && version == (2, 2))
            .then(|| aix_link_type(network))
            .flatten();
        let fcs = if network & FCS_PRESENT == 0 { 0 } else { 2 * (network >> FCS_SHIFT) };
        // Only files of the usual version were ever laid out in other ways.
        let settled = !matches!(lengths, LengthsOrder::Captured) || magic.layouts.len() == 1;
        Ok(Some(Self {
            order,
            unit: if aix.is_some() { Unit::Nano } else { magic.unit },
            lengths,
            link: Link::new(aix.unwrap_or(network as u16)),
            fcs,
            layout: magic.layouts[0],
            layouts: (!settled).then_some(magic.layouts),
            snaplen: order.u32(header, 16),
        }))
    }

    /// The next packet.
    #[inline]
    pub fn next(&mut self, window: &mut Window) -> Result<Step> {
        if let Some(layouts) = self.layouts {
            match layout::choose(layouts, self.order, self.snaplen, window)? {
                Some(layout) => (self.layout, self.layouts) = (layout, None),
                None => return Ok(Step::Idle),
            }
        }
        let header = self.layout.header_len();
        match window.fill(header)? {
            Fill::Enough => {}
            fill => return missing(fill, window, "a packet"),
        }
        let (time, lengths) = self.header(window.ahead());
        ensure!(
            lengths.captured <= MAX_CAPLEN,
            "the packet at byte {} is {} bytes long, and no more than {MAX_CAPLEN} can be: the file \
             is damaged",
            window.position(),
            lengths.captured
        );
        let len = header + lengths.captured as usize;
        match window.fill(len)? {
            Fill::Enough => {}
            fill => return missing(fill, window, "a packet"),
        }
        let mut place = window.take(len);
        place.start += header;
        place.end = place.start + lengths.without(self.fcs) as usize;
        Ok(Step::Packet(Record { time, link: self.link, place }))
    }

    #[inline]
    fn header(&self, header: &[u8]) -> (crate::timestamp::Timestamp, Lengths) {
        let [seconds, fraction, first, second] = self.order.u32s(header);
        let wire_first = match self.lengths {
            LengthsOrder::Captured => false,
            LengthsOrder::Wire => true,
            LengthsOrder::Smaller => first > second,
        };
        let (captured, wire) = if wire_first { (second, first) } else { (first, second) };
        (ticks::of_pcap(seconds, fraction, self.unit), Lengths { captured, wire })
    }
}

fn magic(start: &[u8]) -> Option<(&'static Magic, Order)> {
    MAGICS.iter().find_map(|magic| Some((magic, Order::of(start, magic.number)?)))
}

/// AIX has interface types of RFC 1573 in place of link types: Ethernet, token ring, FDDI and
/// loopback.
const fn aix_link_type(network: u32) -> Option<u16> {
    match network {
        6 => Some(1),
        9 => Some(6),
        15 => Some(10),
        24 => Some(0),
        _ => None,
    }
}
