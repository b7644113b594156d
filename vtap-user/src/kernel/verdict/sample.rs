//! Tunnel packets as they may arrive: what all of them have in common is known, and the rest not.

use super::bits::Bits;

/// Frames with one tunnel packet, known bit by bit.
pub struct Sample {
    ether_type: u16,
    /// Known bits, and which bits are not known, of each byte.
    bytes: Vec<(u8, u8)>,
}

/// Bytes of an Ethernet header. The kernel takes VLAN tags off before a socket sees a packet.
const ETHERNET: usize = 14;
const ANY: (u8, u8) = (0, 0xff);

impl Sample {
    /// All kinds that may arrive at a tap port: over IPv4 and IPv6, from source ports of 1024 and
    /// above. Lower ones belong to services, and senders of tunnels use others (RFC 7348, section
    /// 5): so a socket that waits for DHCP or DNS, in either direction, does not want them.
    pub fn all(port: u16) -> impl Iterator<Item = Self> {
        (10..16).flat_map(move |bit| [Self::ipv4(port, bit), Self::ipv6(port, bit)])
    }

    /// No options and no fragment: `vtap` takes no others as tunnel packets, but for options, and
    /// what a filter makes of these does not depend on them.
    fn ipv4(port: u16, highest_bit: u32) -> Self {
        let mut ip = [ANY; 20];
        ip[0] = (0x45, 0);
        // Of the flags and the fragment's offset, only "don't fragment" may be set.
        (ip[6], ip[7]) = ((0, 0x40), (0, 0));
        ip[9] = (17, 0);
        Self::frame(0x0800, &ip, port, highest_bit)
    }

    fn ipv6(port: u16, highest_bit: u32) -> Self {
        let mut ip = [ANY; 40];
        ip[0] = (0x60, 0x0f);
        ip[6] = (17, 0);
        Self::frame(0x86dd, &ip, port, highest_bit)
    }

    fn frame(ether_type: u16, ip: &[(u8, u8)], port: u16, highest_bit: u32) -> Self {
        let mut bytes = vec![ANY; ETHERNET - 2];
        // To one station, from one station.
        bytes[0] = (0, 0xfe);
        bytes[6] = (0, 0xfe);
        let known = |word: u16| word.to_be_bytes().map(|byte| (byte, 0));
        bytes.extend(known(ether_type));
        bytes.extend(ip);
        let source = 1_u16 << highest_bit;
        let lower = (source - 1).to_be_bytes();
        bytes.extend(source.to_be_bytes().into_iter().zip(lower));
        bytes.extend(known(port));
        Self { ether_type, bytes }
    }

    /// Where the network header begins.
    #[expect(clippy::unused_self, reason = "it is a property of the sample")]
    pub const fn network(&self) -> usize {
        ETHERNET
    }

    /// What the link header says of it.
    pub const fn ether_type(&self) -> u16 {
        self.ether_type
    }

    /// A big-endian word of 1, 2 or 4 bytes. Of bytes beyond the UDP ports nothing is known.
    pub fn word(&self, start: usize, size: usize) -> Bits {
        let byte = |place| self.bytes.get(place).copied().unwrap_or(ANY);
        let (mut value, mut unknown) = (0, 0);
        for place in start..start.saturating_add(size) {
            let byte = byte(place);
            value = value << 8 | u32::from(byte.0);
            unknown = unknown << 8 | u32::from(byte.1);
        }
        Bits::new(value, unknown)
    }
}
