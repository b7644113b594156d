//! Sockets that take tunnel packets after the network stack: UDP sockets on a tap port, those of the
//! kernel's own tunnels among them, and raw sockets that get a copy of all UDP.

use std::{
    fs::read_to_string,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::{Context as _, Result};
use libc::{IPPROTO_RAW, IPPROTO_UDP};
use rustix::net::netlink;

use super::{Ground, User};
use crate::netlink::{attribute::Payload, message::Message, request::Request};

/// `SOCK_DIAG_BY_FAMILY`.
pub const BY_FAMILY: u16 = 20;

const INET: u8 = libc::AF_INET as u8;
const INET6: u8 = libc::AF_INET6 as u8;
const UDP: u8 = IPPROTO_UDP as u8;
const RAW: u8 = IPPROTO_RAW as u8;

/// A socket as the kernel lists it.
struct Socket {
    address: SocketAddr,
    inode: u32,
}

/// The first socket on a tap port.
pub fn udp(ground: &Ground<'_>) -> Result<Option<User>> {
    for &port in ground.ports {
        let sockets = list(UDP, port).context("cannot list the UDP sockets of this host")?;
        if let Some(Socket { address, inode }) = sockets.into_iter().next() {
            let what = format!("a socket is bound to UDP {address}");
            return Ok(Some(User { what, socket: Some(inode) }));
        }
    }
    Ok(None)
}

/// The first raw socket for UDP. For those, the kernel keeps the protocol in the place of the port.
pub fn raw(_: &Ground<'_>) -> Result<Option<User>> {
    let sockets = list(RAW, UDP.into());
    let sockets = sockets.context("cannot list the raw sockets of this host")?;
    let user = |socket: Socket| User {
        what: "a raw socket gets a copy of all UDP".into(),
        socket: Some(socket.inode),
    };
    Ok(sockets.into_iter().next().map(user))
}

/// Sockets of this network namespace on a port. Not every kernel has the modules that list sockets
/// over netlink, and `/proc` may be hidden.
fn list(protocol: u8, port: u16) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::new();
    for family in [INET, INET6] {
        let listed = by_netlink(family, protocol, port).or_else(|refused| {
            by_proc(family, protocol, port).map_err(|error| {
                io::Error::new(error.kind(), format!("netlink: {refused}; /proc: {error}"))
            })
        });
        sockets.extend(listed?);
    }
    Ok(sockets)
}

/// Bytes of `struct inet_diag_req_v2`, and of `struct inet_diag_msg`.
const REQUEST: usize = 56;
const ANSWER: usize = 72;

fn by_netlink(family: u8, protocol: u8, port: u16) -> io::Result<Vec<Socket>> {
    let mut fixed = [0; REQUEST];
    (fixed[0], fixed[1]) = (family, protocol);
    // All states.
    fixed[4..8].fill(0xff);
    fixed[8..10].copy_from_slice(&port.to_be_bytes());
    let payload = Payload::new(&fixed);
    let protocol = Some(netlink::SOCK_DIAG);
    let request = Request { protocol, kind: BY_FAMILY, payload: &payload };
    let sockets = request.dump(|message: Message<'_>| {
        let answer: &[u8; ANSWER] = message.payload.first_chunk()?;
        let number = u16::from_be_bytes([answer[4], answer[5]]);
        let mut ip = [0; 16];
        ip.copy_from_slice(&answer[8..24]);
        let ip = match answer[0] {
            INET => IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])),
            _ => IpAddr::V6(Ipv6Addr::from(ip)),
        };
        let mut inode = [0; 4];
        inode.copy_from_slice(&answer[68..]);
        let socket =
            Socket { address: SocketAddr::new(ip, number), inode: u32::from_ne_bytes(inode) };
        // Kernels that do not sort out by port tell of all.
        (number == port).then_some(socket)
    })?;
    Ok(sockets)
}

/// From the table in `/proc`, which shows the sockets of this process's network namespace.
fn by_proc(family: u8, protocol: u8, port: u16) -> io::Result<Vec<Socket>> {
    let name = if protocol == UDP { "udp" } else { "raw" };
    let six = if family == INET6 { "6" } else { "" };
    let path = format!("/proc/net/{name}{six}");
    match read_to_string(&path) {
        Ok(table) => Ok(in_table(&table, family, port)),
        // A kernel without IPv6 has no table of it, though one of IPv4.
        Err(error) if error.kind() == ErrorKind::NotFound && family == INET6 => {
            read_to_string(format!("/proc/net/{name}")).map(|_| Vec::new())
        }
        Err(error) => Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
    }
}

/// The addresses are in hexadecimal, but by words of the host's byte order, and not needed: that
/// there is a socket is enough.
fn in_table(table: &str, family: u8, port: u16) -> Vec<Socket> {
    let ip = if family == INET6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    };
    let socket = |line: &str| {
        let mut fields = line.split_whitespace();
        let (_, number) = fields.nth(1)?.rsplit_once(':')?;
        let number = u16::from_str_radix(number, 16).ok()?;
        let inode = fields.nth(7).and_then(|inode| inode.parse().ok()).unwrap_or_default();
        (number == port).then_some(Socket { address: SocketAddr::new(ip, port), inode })
    };
    table.lines().skip(1).filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn sockets_of_this_process_are_found_in_both_ways() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Some machines have no IPv6.
            let Ok(socket) = UdpSocket::bind(address) else { continue };
            let address = socket.local_addr().unwrap();
            let family = if address.is_ipv4() { INET } else { INET6 };
            let port = address.port();
            let found = by_netlink(family, UDP, port).unwrap();
            assert_eq!(found.iter().map(|socket| socket.address).collect::<Vec<_>>(), [address]);
            let listed = by_proc(family, UDP, port).unwrap();
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0].inode, found[0].inode);
            drop(socket);
            assert!(by_netlink(family, UDP, port).unwrap().is_empty());
            assert!(by_proc(family, UDP, port).unwrap().is_empty());
        }
    }
}
