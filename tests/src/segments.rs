//! Datagrams that reach the other end of a veth pair as one frame.

use std::{
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
};

use anyhow::{Context as _, Result};
use nix::errno::Errno;

use crate::{
    arrivals::arrive,
    frames,
    net::{Net, TAP_ADDR, TAP_DEV, TARGET_ADDR, TARGET_DEV},
};

/// The most datagrams that every kernel takes in one call (`UDP_MAX_SEGMENTS`).
pub const MOST: usize = 64;

/// The target's address with IPv6, once [`give_ipv6`] was called.
const TARGET6: &str = "fd00::2";

/// Sends a payload to the target's usual tap port by one call, as datagrams of `segment` bytes each
/// (`UDP_SEGMENT`, `udp(7)`). The kernel makes one frame of them for a veth pair, unless the other
/// end has a native XDP program; this frame has arrived on return.
pub fn send(net: &Net, ipv6: bool, segment: usize, payload: &[u8]) -> Result<()> {
    if !ipv6 {
        know_each_other(net, TAP_ADDR, TARGET_ADDR)?;
    }
    let (from, to) = if ipv6 { ("[::]:0", TARGET6) } else { ("0.0.0.0:0", TARGET_ADDR) };
    let to = SocketAddr::new(to.parse()?, frames::VXLAN);
    let payload = payload.to_vec();
    let segment = libc::c_int::try_from(segment)?;
    let send = move || {
        let socket = UdpSocket::bind(from)?;
        let len = size_of_val(&segment) as libc::socklen_t;
        let value = (&raw const segment).cast();
        // SAFETY: the value is as long as is said, and outlives the call.
        let result = unsafe {
            libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_SEGMENT, value, len)
        };
        Errno::result(result).context("cannot set UDP_SEGMENT")?;
        socket.send_to(&payload, to)?;
        Ok(())
    };
    arrive(&net.tap, 1, || net.tap.enter(send))
}

/// Gives both ends of the pair an IPv6 address that can be used at once.
pub fn give_ipv6(net: &Net) -> Result<()> {
    let ends = [(&net.tap, TAP_DEV, "fd00::1"), (&net.target, TARGET_DEV, TARGET6)];
    for (namespace, dev, address) in ends {
        namespace.run(&format!("sysctl -qw net.ipv6.conf.{dev}.disable_ipv6=0"))?;
        namespace.run(&format!("ip addr add {address}/64 dev {dev} nodad"))?;
    }
    know_each_other(net, "fd00::1", TARGET6)
}

/// Tells both ends each other's hardware address. No frame that asks for it is to come in between.
fn know_each_other(net: &Net, tap: &str, target: &str) -> Result<()> {
    let ends = [
        (&net.tap, TAP_DEV, target, net.target.mac(TARGET_DEV)?),
        (&net.target, TARGET_DEV, tap, net.tap.mac(TAP_DEV)?),
    ];
    for (namespace, dev, other, mac) in ends {
        let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
        namespace.run(&format!("ip neigh replace {other} lladdr {mac} dev {dev}"))?;
    }
    Ok(())
}
