//! The first bytes of TCP, UDP, SCTP, ICMP and ICMPv6: ports, or type and code.

use super::{BadHeader, frame::Frame, network::Protocol};

/// Stands for a port, type or code that the packet does not have; no range contains it.
pub const ABSENT: u64 = 0x1_0000;

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
}

impl Transport {
    /// Of a protocol that has none of these, or a later fragment.
    pub const NONE: Self =
        Self { src_port: ABSENT, dst_port: ABSENT, icmp_type: ABSENT, icmp_code: ABSENT };

    /// Reads the header of `protocol` at `offset`.
    #[inline(always)]
    pub fn parse<F: Frame>(frame: &F, offset: u32, protocol: Protocol) -> Result<Self, BadHeader> {
        let mut transport = Self::NONE;
        if F::FAST_PATH && protocol != Protocol::UDP && protocol != Protocol::TCP {
            return Err(BadHeader::Transport);
        }
        match protocol {
            Protocol::TCP | Protocol::UDP | Protocol::SCTP => {
                let ports = ports(frame, offset).ok_or(BadHeader::Transport)?;
                [transport.src_port, transport.dst_port] =
                    ports.map(|port| u64::from(u16::from_be(port)));
            }
            Protocol::ICMP | Protocol::ICMP6 => {
                let icmp = frame.header::<[u8; 2]>(offset).ok_or(BadHeader::Transport)?;
                transport.icmp_type = u64::from(icmp[0]);
                transport.icmp_code = u64::from(icmp[1]);
            }
            _ => {}
        }
        Ok(transport)
    }
}
