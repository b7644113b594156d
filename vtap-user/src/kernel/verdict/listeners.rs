//! Programs that listen to all packets of an interface: tcpdump, an IDS.

use anyhow::{Context as _, Result};
use libc::{AF_PACKET, ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, SOCK_DGRAM};
use rustix::net::netlink;

use super::{Ground, User, filter, sample::Sample, sockets::BY_FAMILY};
use crate::netlink::{
    attribute::{Payload, attributes, number},
    message::Message,
    request::Request,
};

/// Bytes of `struct packet_diag_req`, and of `struct packet_diag_msg`.
const REQUEST: usize = 20;
const ANSWER: usize = 16;
// include/uapi/linux/packet_diag.h
const PACKET_SHOW_INFO: u32 = 1 << 0;
const PACKET_SHOW_FILTER: u32 = 1 << 5;
const PACKET_DIAG_INFO: u16 = 0;
const PACKET_DIAG_FILTER: u16 = 7;

/// A packet socket.
#[derive(Debug, PartialEq, Eq)]
struct PacketSocket {
    /// Whether it sees packets without their link header.
    from_network: bool,
    /// `ETH_P_*`; 0 for one that only sends.
    protocol: u16,
    inode: u32,
    /// Index of its interface; 0 for all of them.
    interface: u32,
    filter: Filter,
}

#[derive(Debug, PartialEq, Eq)]
enum Filter {
    /// It has none, or an eBPF program, or the kernel does not show it.
    Unknown,
    Classic(Vec<u8>),
}

/// The first that may take a tunnel packet of the interface.
pub fn user(ground: &Ground<'_>) -> Result<Option<User>> {
    let sockets = packet_sockets().context("cannot list the packet sockets of this host")?;
    let samples: Vec<_> = ground.ports.iter().flat_map(|port| Sample::all(*port)).collect();
    let index = ground.interface.index;
    let listener = sockets.into_iter().find(|socket| socket.listens(index, &samples));
    Ok(listener.map(|socket| User {
        what: format!("another program listens to packets of {}", ground.interface.name),
        socket: Some(socket.inode),
    }))
}

/// Where the kernel's module for this is missing, `/proc` tells of all but the filters.
fn packet_sockets() -> Result<Vec<PacketSocket>> {
    let mut fixed = [0; REQUEST];
    fixed[0] = AF_PACKET as u8;
    fixed[8..12].copy_from_slice(&(PACKET_SHOW_INFO | PACKET_SHOW_FILTER).to_ne_bytes());
    let payload = Payload::new(&fixed);
    let protocol = Some(netlink::SOCK_DIAG);
    let request = Request { protocol, kind: BY_FAMILY, payload: &payload };
    request.dump(PacketSocket::read).or_else(|refused| {
        let table = std::fs::read_to_string("/proc/net/packet");
        let table = table.with_context(|| format!("netlink: {refused}; /proc/net/packet"))?;
        Ok(table.lines().skip(1).filter_map(PacketSocket::of_line).collect())
    })
}

impl PacketSocket {
    fn read(message: Message<'_>) -> Option<Self> {
        let (fixed, rest) = message.payload.split_first_chunk::<ANSWER>()?;
        let [_, kind, p0, p1, i0, i1, i2, i3, ..] = *fixed;
        let mut socket = Self {
            from_network: i32::from(kind) == SOCK_DGRAM,
            protocol: u16::from_ne_bytes([p0, p1]),
            inode: u32::from_ne_bytes([i0, i1, i2, i3]),
            interface: 0,
            filter: Filter::Unknown,
        };
        for (kind, value) in attributes(rest) {
            match kind {
                PACKET_DIAG_INFO => socket.interface = number(value)?,
                PACKET_DIAG_FILTER if !value.is_empty() => {
                    socket.filter = Filter::Classic(value.to_vec());
                }
                _ => {}
            }
        }
        Some(socket)
    }

    /// `sk RefCnt Type Proto Iface R Rmem User Inode`
    fn of_line(line: &str) -> Option<Self> {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [_, _, kind, protocol, interface, _, _, _, inode, ..] = fields[..] else { return None };
        Some(Self {
            from_network: kind.parse() == Ok(SOCK_DGRAM),
            protocol: u16::from_str_radix(protocol, 16).ok()?,
            inode: inode.parse().ok()?,
            interface: interface.parse().ok()?,
            filter: Filter::Unknown,
        })
    }

    /// Whether it may take one of the samples on an interface.
    fn listens(&self, interface: u32, samples: &[Sample]) -> bool {
        let protocol = i32::from(self.protocol);
        (self.interface == interface || self.interface == 0)
            && [ETH_P_ALL, ETH_P_IP, ETH_P_IPV6].contains(&protocol)
            && samples.iter().any(|sample| {
                let this = protocol == ETH_P_ALL || self.protocol == sample.ether_type();
                this && match &self.filter {
                    Filter::Unknown => true,
                    Filter::Classic(filter) => filter::may_take(filter, sample, self.from_network),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(protocol: u16, interface: u32, filter: Filter) -> PacketSocket {
        PacketSocket { from_network: false, protocol, inode: 1, interface, filter }
    }

    #[test]
    fn only_those_that_hear_ip_on_the_interface() {
        let samples: Vec<_> = Sample::all(4789).collect();
        for (protocol, interface, listens) in [
            (3, 3, true),
            (3, 0, true),
            (3, 4, false),
            (0x0800, 3, true),
            (0x86dd, 0, true),
            (0x0806, 3, false),
            (0, 0, false),
        ] {
            let socket = socket(protocol, interface, Filter::Unknown);
            assert_eq!(socket.listens(3, &samples), listens, "{socket:?}");
        }
        // `ret #0`, for a listener of IPv4 alone.
        let nothing = Filter::Classic(vec![6, 0, 0, 0, 0, 0, 0, 0]);
        assert!(!socket(0x0800, 3, nothing).listens(3, &samples));
    }

    #[test]
    fn a_line_of_the_table() {
        let line = "00000000a5ce6df1 3      2    0003   7     1 0      0      139070";
        let expected = PacketSocket {
            from_network: true,
            protocol: 3,
            inode: 139_070,
            interface: 7,
            filter: Filter::Unknown,
        };
        assert_eq!(PacketSocket::of_line(line), Some(expected));
    }
}
