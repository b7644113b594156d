//! A netlink socket, and what it receives from the kernel.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::SocketAddrNetlink, recvfrom, sendto, socket_with,
    },
};

use super::message::{Message, encode};

/// More than the kernel writes at once: it fills 32 KiB, or one message that is longer.
const BUFFER: usize = 256 << 10;

/// A socket of one netlink family.
pub struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

/// What came.
pub enum Received<'a> {
    /// One or more messages.
    Datagram(&'a [u8]),
    /// The kernel had more to say than could be taken in: messages are missing.
    Overrun,
}

impl Socket {
    /// A socket that also hears these multicast groups, one bit each. `None` stands for
    /// `NETLINK_ROUTE`.
    pub fn open(protocol: Option<Protocol>, groups: u32, flags: SocketFlags) -> io::Result<Self> {
        let flags = flags | SocketFlags::CLOEXEC;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        Ok(Self { fd, buffer: vec![0; BUFFER] })
    }

    /// Sends one message to the kernel.
    pub fn send(&self, message: &Message<'_>) -> io::Result<()> {
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&self.fd, &encode(message), SendFlags::empty(), &kernel)?;
        Ok(())
    }

    /// Takes the next datagram of the kernel's.
    pub fn receive(&mut self) -> io::Result<Received<'_>> {
        loop {
            let (len, whole, sender) =
                match recvfrom(&self.fd, &mut self.buffer[..], RecvFlags::TRUNC) {
                    Ok(received) => received,
                    Err(Errno::INTR) => continue,
                    Err(Errno::NOBUFS) => return Ok(Received::Overrun),
                    Err(error) => return Err(error.into()),
                };
            // Another process can write to this socket, too. Only the kernel has the address 0.
            let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
            if sender.is_none_or(|sender| sender.pid() != 0) {
                continue;
            }
            if whole > len {
                return Ok(Received::Overrun);
            }
            return Ok(Received::Datagram(&self.buffer[..len]));
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
