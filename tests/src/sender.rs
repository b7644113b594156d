//! Puts raw frames on the wire.

use std::{
    cell::RefCell,
    os::fd::{AsRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket},
};

use crate::{
    arrivals::Arrivals,
    net::{Namespace, TAP_DEV},
};

/// Frames that are under way at most: what queues anywhere hold (a veth's has 256 places).
const AT_ONCE: u64 = 64;

/// A packet socket.
pub struct Sender {
    socket: OwnedFd,
    /// At the other end.
    arrivals: RefCell<Arrivals>,
}

impl Sender {
    /// On the tap's end of the pair.
    pub fn new(tap: &Namespace) -> Result<Self> {
        let arrivals = RefCell::new(Arrivals::from(tap)?);
        tap.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
            bind(socket.as_raw_fd(), &link_address(TAP_DEV)?)?;
            Ok(Self { socket, arrivals })
        })
    }

    /// Sends one frame, which has arrived on return.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        self.send_all([frame])
    }

    /// Sends frames, which have arrived on return.
    pub fn send_all<F: AsRef<[u8]>>(&self, frames: impl IntoIterator<Item = F>) -> Result<()> {
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.begin()?;
        let mut under_way = 0;
        for frame in frames {
            self.put(frame.as_ref())?;
            under_way += 1;
            if under_way == AT_ONCE {
                arrivals.wait_for(std::mem::take(&mut under_way))?;
            }
        }
        arrivals.wait_for(under_way)?;
        arrivals.settle()
    }

    /// Puts a frame on the wire; where that is full, tries again until it is not.
    fn put(&self, frame: &[u8]) -> Result<()> {
        loop {
            match send(self.socket.as_raw_fd(), frame, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::ENOBUFS) => std::thread::yield_now(),
                Err(error) => {
                    return Err(error).with_context(|| format!("a frame of {}", frame.len()));
                }
            }
        }
    }

    /// Sends one UDP datagram over IPv6 as a super-frame, which a veth hands on uncut: as one, it
    /// may be far longer than the MTU.
    pub fn send_super_frame(tap: &Namespace, frame: &[u8]) -> Result<()> {
        const NEEDS_CSUM: u8 = 1;
        const GSO_UDP_L4: u8 = 5;
        const SEGMENT: u16 = 1400;
        const UDP: u16 = 14 + 40;
        const UDP_CHECKSUM: u16 = 6;
        let sender = Self::new(tap)?;
        set_option(&sender.socket, libc::PACKET_VNET_HDR, 1)?;
        // `struct virtio_net_hdr`: what the device is to do to the frame behind it.
        let mut head = vec![NEEDS_CSUM, GSO_UDP_L4];
        for field in [UDP + 8, SEGMENT, UDP, UDP_CHECKSUM] {
            head.extend(field.to_ne_bytes());
        }
        sender.send(&[&head, frame].concat())
    }

    /// Sends frames, evenly spaced, at `rate` per second.
    pub fn send_paced<F: AsRef<[u8]>>(
        &self,
        rate: u32,
        frames: impl IntoIterator<Item = F>,
    ) -> Result<()> {
        let begin = Instant::now();
        self.send_all((0_u32..).zip(frames).map(|(number, frame)| {
            let due = Duration::from_secs(1) * number / rate;
            while begin.elapsed() < due {
                std::hint::spin_loop();
            }
            frame
        }))
    }
}

fn set_option(socket: &OwnedFd, option: libc::c_int, value: libc::c_int) -> Result<()> {
    let len = size_of_val(&value) as libc::socklen_t;
    let value = (&raw const value).cast();
    // SAFETY: the value is as long as is said, and outlives the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, len) };
    Errno::result(result).map(drop).context("cannot set an option of a packet socket")
}

fn link_address(dev: &str) -> Result<LinkAddr> {
    let addresses = getifaddrs()?.filter(|interface| interface.interface_name == dev);
    let mut links = addresses.filter_map(|interface| interface.address?.as_link_addr().copied());
    links.next().with_context(|| format!("no interface {dev}"))
}
