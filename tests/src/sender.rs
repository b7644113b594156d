//! Puts raw frames on the wire.

use std::{
    os::fd::{AsRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, bind, send, socket},
};

use crate::net::{Namespace, TAP_DEV};

/// A packet socket.
pub struct Sender {
    socket: OwnedFd,
}

impl Sender {
    /// On the tap's end of the pair.
    pub fn new(tap: &Namespace) -> Result<Self> {
        tap.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
            bind(socket.as_raw_fd(), &link_address(TAP_DEV)?)?;
            Ok(Self { socket })
        })
    }

    /// Sends one frame; where the pair is full, tries again until it is not.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
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

    /// Sends frames.
    pub fn send_all<F: AsRef<[u8]>>(&self, frames: impl IntoIterator<Item = F>) -> Result<()> {
        frames.into_iter().try_for_each(|frame| self.send(frame.as_ref()))
    }

    /// Sends frames, evenly spaced, at `rate` per second.
    pub fn send_paced<F: AsRef<[u8]>>(
        &self,
        rate: u32,
        frames: impl IntoIterator<Item = F>,
    ) -> Result<()> {
        let begin = Instant::now();
        for (number, frame) in (0_u32..).zip(frames) {
            let due = Duration::from_secs(1) * number / rate;
            while begin.elapsed() < due {
                std::hint::spin_loop();
            }
            self.send(frame.as_ref())?;
        }
        Ok(())
    }
}

fn link_address(dev: &str) -> Result<LinkAddr> {
    let addresses = getifaddrs()?.filter(|interface| interface.interface_name == dev);
    let mut links = addresses.filter_map(|interface| interface.address?.as_link_addr().copied());
    links.next().with_context(|| format!("no interface {dev}"))
}
