//! TCP, UDP, SCTP, ICMP and ICMPv6: ports, or type and code, and whether the header is sound.

use network_types::udp::UdpHdr;

use super::{
    frame::{Bounded, Frame, Header},
    network::{Fragment, Network, Protocol},
};

/// Stands for a port, type or code that the packet does not have; no range contains it.
pub const ABSENT: u64 = 0x1_0000;

const PORT_LEN: u32 = 2;
const UDP_LEN: u32 = <UdpHdr as Header>::LEN;
const TCP_LEN: u32 = 20;
/// Offset of the byte whose upper half is the TCP header's length in words of 4 bytes.
const TCP_DATA_OFFSET: u32 = 12;
const SCTP_LEN: u32 = 12;
const ICMP_LEN: u32 = 8;

/// The source and destination ports with which TCP, UDP and SCTP begin, as they lie in memory.
#[inline(always)]
pub fn ports<F: Frame>(frame: &F, offset: u32) -> Option<[u16; 2]> {
    let ports = frame.header::<[[u8; 2]; 2]>(offset)?;
    Some([u16::from_ne_bytes(ports[0]), u16::from_ne_bytes(ports[1])])
}

/// What rules ask of the transport header.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Source port.
    pub src_port: u64,
    /// Destination port.
    pub dst_port: u64,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u64,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u64,
    /// Whether the header is whole and its length can be true.
    pub sound: bool,
}

/// Where an IP packet ends.
#[derive(Clone, Copy, Debug)]
pub struct PacketEnd {
    /// The part of it that is there.
    pub present: u32,
    /// All of it, as stated by its own header or else by those before it.
    pub stated: u32,
}

impl Transport {
    /// Of a protocol that has none of these, or of a later fragment.
    pub const NONE: Self = Self {
        src_port: ABSENT,
        dst_port: ABSENT,
        icmp_type: ABSENT,
        icmp_code: ABSENT,
        sound: true,
    };

    const UNSOUND: Self = Self { sound: false, ..Self::NONE };

    /// Reads the header that `network` announces, of a packet that ends at `end`.
    #[inline(always)]
    pub fn parse<F: Frame>(frame: &F, network: &Network, end: PacketEnd) -> Self {
        let frame = &Bounded::new(frame, end.present);
        let (at, protocol) = (network.payload, network.protocol);
        let sound = match protocol {
            Protocol::TCP => tcp_is_sound(frame, at),
            Protocol::UDP => udp_is_sound(frame, network, end.stated),
            Protocol::SCTP => at + SCTP_LEN <= frame.len(),
            Protocol::ICMP | Protocol::ICMP6 => at + ICMP_LEN <= frame.len(),
            _ => return Self::NONE,
        };
        let is_icmp = protocol == Protocol::ICMP || protocol == Protocol::ICMP6;
        let Some(first) = frame.header::<[u8; 2]>(at) else {
            // A single byte is an ICMP type.
            return match frame.header::<[u8; 1]>(at) {
                Some(kind) if is_icmp => Self { icmp_type: u64::from(kind[0]), ..Self::UNSOUND },
                _ => Self::UNSOUND,
            };
        };
        if is_icmp {
            let [icmp_type, icmp_code] = first.map(u64::from);
            return Self { icmp_type, icmp_code, sound, ..Self::NONE };
        }
        // Two or three bytes are a source port only.
        let dst_port = frame.header::<[u8; 2]>(at + PORT_LEN);
        let dst_port = dst_port.map_or(ABSENT, |port| u64::from(u16::from_be_bytes(*port)));
        let src_port = u64::from(u16::from_be_bytes(*first));
        Self { src_port, dst_port, sound, ..Self::NONE }
    }

    /// The same for the fast path: TCP and UDP, of headers that are certain to be sound. `end` is
    /// where the frame ends.
    #[inline(always)]
    pub fn parse_fast<F: Frame>(frame: &F, network: &Network, end: u32) -> Self {
        let at = network.payload;
        let sound = match network.protocol {
            Protocol::UDP => frame.header::<UdpHdr>(at).is_some_and(|udp| {
                let len = u32::from(udp.len());
                len >= UDP_LEN && at + len == network.end
            }),
            Protocol::TCP => {
                let len = tcp_len(frame, at);
                len.is_some_and(|len| len >= TCP_LEN && at + len <= network.end && at + len <= end)
            }
            _ => false,
        };
        match ports(frame, at) {
            Some(ports) if sound => {
                let [src_port, dst_port] = ports.map(|port| u64::from(u16::from_be(port)));
                Self { src_port, dst_port, ..Self::NONE }
            }
            _ => Self::UNSOUND,
        }
    }
}

/// Length of the TCP header at `at`, as it states.
#[inline(always)]
fn tcp_len<F: Frame>(frame: &F, at: u32) -> Option<u32> {
    let byte = frame.header::<[u8; 1]>(at + TCP_DATA_OFFSET)?;
    Some(u32::from(byte[0] >> 4) * 4)
}

#[inline(always)]
fn tcp_is_sound<F: Frame>(frame: &F, at: u32) -> bool {
    tcp_len(frame, at).is_some_and(|len| len >= TCP_LEN && at + len <= frame.len())
}

/// The first fragment of a datagram states the length of the whole.
#[inline(always)]
fn udp_is_sound<F: Frame>(frame: &F, network: &Network, stated_end: u32) -> bool {
    let at = network.payload;
    let Some(udp) = frame.header::<UdpHdr>(at) else { return false };
    let len = u32::from(udp.len());
    if len == 0 && network.end == 0 {
        // A super-frame or a jumbogram.
        return true;
    }
    len >= UDP_LEN && (network.fragment == Fragment::FIRST || at + len <= stated_end)
}
