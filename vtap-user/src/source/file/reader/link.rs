//! What a captured packet begins with: the headers of the link types that vtap reads.
//!
//! The numbers are those of <https://www.tcpdump.org/linktypes.html>.

use std::fmt::Write as _;

use vtap_common::wire::link::{LinkLayer, ether_type};

const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;
/// Ethernet frames in whatever this is the type of.
const ETHER_TYPE_BRIDGING: u16 = 0x6558;
/// No `EtherType`: nothing that carries a tunnel.
const NO_ETHER_TYPE: u16 = 0;
/// Up to and including the type.
const ETHERNET_LEN: u32 = 14;

/// Address families of IPv4 and IPv6, on the systems that write them into captures: IPv6 has a
/// number of its own on Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const FAMILY_IPV4: u32 = 2;
const FAMILIES_IPV6: [u32; 5] = [10, 23, 24, 28, 30];
const FAMILY_LEN: u32 = 4;

/// Of the Linux cooked header: `ETH_P_ALL`, which stands for Ethernet frames.
const COOKED_ETHERNET: u16 = 3;
/// Of the Linux cooked header: the device type of netlink monitors, whose protocols are netlink's.
const DEVICE_NETLINK: u16 = 824;

/// The kinds of link header that vtap reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ethernet.
    Ethernet,
    /// None: IPv4 or IPv6.
    Ip,
    /// BSD's loopback: an address family in the byte order of the machine that captured.
    Null,
    /// OpenBSD's loopback: an address family in network byte order.
    Loop,
    /// Linux cooked mode: what `tcpdump -i any` writes.
    Cooked,
    /// Its second version.
    Cooked2,
}

/// The link types that vtap reads, by what people call them.
const READ: [(&str, Kind, &[u16]); 6] = [
    ("Ethernet", Kind::Ethernet, &[1]),
    ("raw IP", Kind::Ip, &[12, 14, 101, 228, 229]),
    ("NULL", Kind::Null, &[0]),
    ("LOOP", Kind::Loop, &[108]),
    ("Linux cooked", Kind::Cooked, &[113]),
    ("Linux cooked v2", Kind::Cooked2, &[276]),
];

impl Kind {
    /// The kind of a link type, or `None` where vtap does not read it.
    pub fn of(link_type: u16) -> Option<Self> {
        let found = READ.iter().find(|(_, _, numbers)| numbers.contains(&link_type));
        found.map(|(_, kind, _)| *kind)
    }

    /// Reads the link header of a packet.
    #[inline]
    pub fn layer(self, packet: &[u8]) -> LinkLayer {
        match self {
            Self::Ethernet => LinkLayer::Ethernet,
            Self::Ip => LinkLayer::Ip,
            Self::Null => behind(FAMILY_LEN, null(packet)),
            Self::Loop => behind(FAMILY_LEN, loopback(packet)),
            Self::Cooked => cooked(packet, 16, be16(packet, 2), be16(packet, 14)),
            Self::Cooked2 => cooked(packet, 20, be16(packet, 8), be16(packet, 0)),
        }
    }
}

/// What follows a header of `len` bytes that says so.
fn behind(len: u32, number: u16) -> LinkLayer {
    LinkLayer::Other { ether_type: ether_type(number), offset: len }
}

/// The family in either byte order; IRIX has it in the first two bytes. Old Linux has an
/// `EtherType` in its place.
fn null(packet: &[u8]) -> u16 {
    let Some(bytes) = packet.first_chunk::<4>().copied() else { return NO_ETHER_TYPE };
    let [first, second, ..] = bytes;
    let short = if bytes[2..] == [0, 0] { u16::from_be_bytes([first, second]) } else { 0 };
    let numbers = [u32::from_le_bytes(bytes), u32::from_be_bytes(bytes), short.into()];
    let types = numbers.map(|number| match number {
        0x0800 | 0x86dd => number as u16,
        family => of_family(family),
    });
    types.into_iter().find(|found| *found != NO_ETHER_TYPE).unwrap_or(NO_ETHER_TYPE)
}

fn loopback(packet: &[u8]) -> u16 {
    packet.first_chunk().map_or(NO_ETHER_TYPE, |bytes| of_family(u32::from_be_bytes(*bytes)))
}

fn of_family(family: u32) -> u16 {
    if family == FAMILY_IPV4 {
        ETHER_TYPE_IPV4
    } else if FAMILIES_IPV6.contains(&family) {
        ETHER_TYPE_IPV6
    } else {
        NO_ETHER_TYPE
    }
}

/// Behind a cooked header of `len` bytes, which names the type of its device and a protocol. libpcap
/// puts VLAN tags between that and the packet.
fn cooked(packet: &[u8], len: u32, device: u16, protocol: u16) -> LinkLayer {
    match protocol {
        _ if device == DEVICE_NETLINK => behind(len, NO_ETHER_TYPE),
        COOKED_ETHERNET | ETHER_TYPE_BRIDGING => {
            let len = len + ETHERNET_LEN;
            behind(len, be16(packet, len as usize - 2))
        }
        _ => behind(len, protocol),
    }
}

/// The number at `at`, or zero where the packet ends before it does.
fn be16(packet: &[u8], at: usize) -> u16 {
    let bytes = packet.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// Packets of link types that vtap does not read.
#[derive(Default)]
pub struct Unread {
    /// How many there were.
    pub packets: u64,
    /// Their link types, as far as there is room.
    link_types: Vec<u16>,
    more: bool,
}

impl Unread {
    /// Link types that are named.
    const NAMED: usize = 8;

    /// Counts a packet.
    pub fn count(&mut self, link_type: u16) {
        self.packets += 1;
        if self.link_types.contains(&link_type) {
            return;
        }
        if self.link_types.len() < Self::NAMED {
            self.link_types.push(link_type);
        } else {
            self.more = true;
        }
    }

    /// What the user is to know of them, if there were any.
    pub fn words(&self) -> Option<String> {
        if self.packets == 0 {
            return None;
        }
        let packets = if self.packets == 1 { "packet has" } else { "packets have" };
        let read = READ.iter().map(|(name, _, types)| format!("{name} ({})", numbers(types)));
        Some(format!(
            "{} {packets} a link type that vtap does not read ({}{}), and counts as not tunnel; \
             it reads {}",
            self.packets,
            numbers(&self.link_types),
            if self.more { ", …" } else { "" },
            read.collect::<Vec<_>>().join(", "),
        ))
    }
}

fn numbers(numbers: &[u16]) -> String {
    let mut text = String::new();
    for (place, number) in numbers.iter().enumerate() {
        let _ = write!(text, "{}{number}", if place == 0 { "" } else { ", " });
    }
    text
}

#[cfg(test)]
mod tests;
