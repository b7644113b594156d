//! TCP, UDP, SCTP, ICMP and ICMPv6: ports, or type and code, and whether the header is sound.

use network_types::udp::UdpHdr;

use super::{
    frame::{Bounded, Frame, Header},
    network::{Fragment, Network, Protocol},
};

/// Stands for a port, type or code that the packet does not have. It is greater than any real
/// value, so no range that a user gives contains it. Only a range that accepts everything does.
pub const ABSENT: u64 = 0x1_0000;

const PORT_LEN: u32 = 2;
const UDP_LEN: u32 = <UdpHdr as Header>::LEN;
const TCP_LEN: u32 = 20;
/// Offset of the byte whose upper half is the TCP header's length in words of 4 bytes.
const TCP_DATA_OFFSET: u32 = 12;
const SCTP_LEN: u32 = 12;
const ICMP_LEN: u32 = 8;

/// The source and destination port, in network byte order. TCP, UDP and SCTP headers begin with
/// them.
#[inline(always)]
pub fn ports<F: Frame>(frame: &F, offset: u32) -> Option<[u16; 2]> {
    let ports = frame.header::<[[u8; 2]; 2]>(offset)?;
    Some([u16::from_ne_bytes(ports[0]), u16::from_ne_bytes(ports[1])])
}

/// The fields of a transport header that packets are selected by. Each may be [`ABSENT`]. Also says
/// whether the header is damaged.
#[derive(Clone, Copy, Debug)]
pub struct Transport {
    /// Source port, in native byte order.
    pub src_port: u64,
    /// Destination port, in native byte order.
    pub dst_port: u64,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u64,
    /// ICMP or ICMPv6 code.
    pub icmp_code: u64,
    /// Whether the header is complete and states a possible length.
    pub sound: bool,
}

/// Where an IP packet ends. The two values differ if the packet is truncated.
#[derive(Clone, Copy, Debug)]
pub struct PacketEnd {
    /// Where the bytes that are present end.
    pub present: u32,
    /// Where the whole packet ends according to its IP header, or according to the outer headers if
    /// the IP header gives no length.
    pub stated: u32,
}

impl Transport {
    /// For a protocol that has no ports, type or code, and for a later fragment.
    pub const NONE: Self = Self {
        src_port: ABSENT,
        dst_port: ABSENT,
        icmp_type: ABSENT,
        icmp_code: ABSENT,
        sound: true,
    };

    const UNSOUND: Self = Self { sound: false, ..Self::NONE };

    /// Reads the transport header that follows `network`, in a packet that ends at `end`.
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
            // If only one byte is left, it can still be an ICMP type.
            return match frame.header::<[u8; 1]>(at) {
                Some(kind) if is_icmp => Self { icmp_type: u64::from(kind[0]), ..Self::UNSOUND },
                _ => Self::UNSOUND,
            };
        };
        if is_icmp {
            let [icmp_type, icmp_code] = first.map(u64::from);
            return Self { icmp_type, icmp_code, sound, ..Self::NONE };
        }
        // If only two or three bytes are left, there is a source port but no destination port.
        let dst_port = frame.header::<[u8; 2]>(at + PORT_LEN);
        let dst_port = dst_port.map_or(ABSENT, |port| u64::from(u16::from_be_bytes(*port)));
        let src_port = u64::from(u16::from_be_bytes(*first));
        Self { src_port, dst_port, sound, ..Self::NONE }
    }

    /// Reads the transport header on the fast path. Only TCP and UDP headers that pass stricter
    /// checks are accepted. Anything else is reported as not sound, so that the slow path decides.
    /// `end` is where the datagram ends.
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

/// The length of the TCP header at `at`, according to its data offset field.
#[inline(always)]
fn tcp_len<F: Frame>(frame: &F, at: u32) -> Option<u32> {
    let byte = frame.header::<[u8; 1]>(at + TCP_DATA_OFFSET)?;
    Some(u32::from(byte[0] >> 4) * 4)
}

#[inline(always)]
fn tcp_is_sound<F: Frame>(frame: &F, at: u32) -> bool {
    tcp_len(frame, at).is_some_and(|len| len >= TCP_LEN && at + len <= frame.len())
}

/// Whether the UDP header is complete and its length fits the packet. A first fragment is exempt
/// from the latter, because its UDP header gives the length of the whole datagram.
#[inline(always)]
fn udp_is_sound<F: Frame>(frame: &F, network: &Network, stated_end: u32) -> bool {
    let at = network.payload;
    let Some(udp) = frame.header::<UdpHdr>(at) else { return false };
    let len = u32::from(udp.len());
    if len == 0 && network.end == 0 {
        // A BIG TCP packet or a jumbogram: no header gives a length.
        return true;
    }
    len >= UDP_LEN && (network.fragment == Fragment::FIRST || at + len <= stated_end)
}
