//! Promiscuous mode: frames for other hardware addresses arrive, too.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
};

use libc::{
    PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, SOL_PACKET, c_int, packet_mreq, setsockopt, socklen_t,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// While this lives, the interface is in promiscuous mode. The kernel counts who asked for it and
/// ends it with the last of them, however a process ends.
pub struct Promiscuous {
    _socket: OwnedFd,
}

impl Promiscuous {
    /// Asks for it.
    pub fn new(interface: u32) -> io::Result<Self> {
        // Of protocol 0 and bound to nothing, the socket itself receives no packet.
        let socket =
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        let membership = packet_mreq {
            mr_ifindex: interface.cast_signed(),
            mr_type: PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        let len = size_of_val(&membership) as socklen_t;
        // SAFETY: the kernel reads as many bytes as the structure has, which outlives the call.
        let result = unsafe {
            let membership: *const packet_mreq = &raw const membership;
            setsockopt(
                socket.as_raw_fd(),
                SOL_PACKET,
                PACKET_ADD_MEMBERSHIP as c_int,
                membership.cast(),
                len,
            )
        };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { _socket: socket })
    }
}
