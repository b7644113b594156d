//! Interfaces whose packets come from a process.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::fd::AsRawFd as _,
};

use anyhow::{Context as _, Result};
use libc::{
    IFF_NO_PI, IFF_TAP, IFF_TUN, IFF_VNET_HDR, TUNSETIFF, TUNSETLINK, c_char, c_int, c_ulong, ifreq,
};
use nix::errno::Errno;

use crate::net::Namespace;

/// What its frames begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// An IP header: a tun device.
    Ip,
    /// An Ethernet header: a tap device.
    Ethernet,
    /// An IP header too, but the kernel is told another link type (`ARPHRD_*`).
    As(u16),
}

// Of `linux/virtio_net.h`.
const VIRTIO_NET_HDR_F_NEEDS_CSUM: u8 = 1;
const VIRTIO_NET_HDR_GSO_UDP_L4: u8 = 5;

/// A tun or tap device. It goes when this is dropped.
pub struct Tun(File);

impl Tun {
    /// Makes one in a namespace and sets it up.
    pub fn new(namespace: &Namespace, name: &'static str, layer: Layer) -> Result<Self> {
        Self::with(namespace, name, layer, 0)
    }

    /// Makes a tap device that takes several datagrams in a frame.
    pub fn merging(namespace: &Namespace, name: &'static str) -> Result<Self> {
        Self::with(namespace, name, Layer::Ethernet, IFF_VNET_HDR)
    }

    fn with(
        namespace: &Namespace,
        name: &'static str,
        layer: Layer,
        more_flags: c_int,
    ) -> Result<Self> {
        let file = namespace.enter(move || {
            let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
            let flags = if layer == Layer::Ethernet { IFF_TAP } else { IFF_TUN };
            set_interface(&file, name, flags | IFF_NO_PI | more_flags)?;
            if let Layer::As(link_type) = layer {
                set_link_type(&file, link_type)?;
            }
            Ok(file)
        })?;
        namespace.run(&format!("ip link set {name} up"))?;
        Ok(Self(file))
    }

    /// Lets a frame come in whose datagrams have `segment` bytes of payload each, on a device that
    /// was made for that. The frame has an Ethernet, an IPv4 and a UDP header.
    pub fn send_merged(&self, frame: &[u8], segment: u16) -> Result<()> {
        const UDP: u16 = 14 + 20;
        let mut bytes = vec![VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP_L4];
        for field in [UDP + 8, segment, UDP, 6] {
            bytes.extend(field.to_ne_bytes());
        }
        bytes.extend(frame);
        Ok((&self.0).write_all(&bytes)?)
    }

    /// Lets one frame come in.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        Ok((&self.0).write_all(frame)?)
    }
}

fn set_interface(file: &File, name: &str, flags: c_int) -> Result<()> {
    // SAFETY: a structure of numbers and pointers that nobody follows.
    let mut request: ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_flags = flags as i16;
    // SAFETY: the kernel reads and writes a `struct ifreq`, which outlives the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
    Errno::result(result).map(drop).context("cannot make a tun device")
}

fn set_link_type(file: &File, link_type: u16) -> Result<()> {
    // SAFETY: the argument is a number.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETLINK, c_ulong::from(link_type)) };
    Errno::result(result).map(drop).context("cannot set the link type of a tun device")
}
