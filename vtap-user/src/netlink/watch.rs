//! What becomes of an interface while it is captured from.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use anyhow::{Context as _, Result};
use libc::{AF_UNSPEC, RTM_DELLINK, RTM_NEWLINK, RTMGRP_LINK};
use rustix::net::{SocketFlags, sockopt::set_socket_recv_buffer_size_force};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Interface, Name,
    interface::{LinkMessage, XdpPrograms, interface},
    message::messages,
    socket::{Received, Socket},
};

/// A change that the user, or the verdict, may depend on.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Set down: nothing arrives any more.
    Down,
    /// Set up again.
    Up,
    /// It has another name now.
    Renamed(Name),
    /// It has another MTU now.
    Mtu(u32),
    /// It has other XDP programs now. The kernel does not tell of all such changes.
    Xdp(XdpPrograms),
    /// Some interface of this network namespace was made, deleted or changed.
    Links,
    /// Deleted, or moved to another network namespace.
    Gone,
}

/// Bytes of messages that wait for vtap at most: thousands of changes.
const RECEIVE_BUFFER: usize = 2 << 20;

/// Sees the changes of one interface.
pub struct Watch {
    socket: Socket,
    ready: AsyncFd<OwnedFd>,
    state: State,
}

impl Watch {
    /// Watches `interface` from now on; what happened since it was looked at is told first.
    pub fn new(interface: &Interface) -> Result<Self> {
        let open = || {
            let socket = Socket::open(None, RTMGRP_LINK as u32, SocketFlags::NONBLOCK)?;
            let fd = socket.as_fd().try_clone_to_owned()?;
            // SAFETY: an `OwnedFd` stays the same open descriptor until it is dropped.
            let ready = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?;
            io::Result::Ok((socket, ready))
        };
        let (socket, ready) = open().context("cannot watch interfaces over netlink")?;
        // Only root may ask for so much. With less, messages are lost sooner, which is noticed.
        let _ = set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER);
        let mut state = State::new(interface);
        state.look_again()?;
        Ok(Self { socket, ready, state })
    }

    /// What the interface is called now.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.state.known.name
    }

    /// Waits for the next change. An error means that changes can no longer be seen.
    pub async fn change(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.state.own_change() {
                return Ok(change);
            }
            match self.socket.receive() {
                Ok(Received::Datagram(datagram)) => self.state.hear(datagram),
                Ok(Received::Overrun) => self.state.look_again()?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if std::mem::take(&mut self.state.links_changed) {
                        return Ok(Change::Links);
                    }
                    let mut ready = self.ready.readable().await?;
                    ready.clear_ready();
                }
                Err(error) => return Err(error).context("cannot hear of changed interfaces"),
            }
        }
    }
}

/// What the user knows, and what the kernel has told since.
struct State {
    known: Interface,
    /// States of the interface that were not compared yet, the oldest first.
    told: VecDeque<Interface>,
    gone: bool,
    links_changed: bool,
}

impl State {
    fn new(interface: &Interface) -> Self {
        let known = interface.clone();
        Self { known, told: VecDeque::new(), gone: false, links_changed: false }
    }

    /// Takes in the messages of a datagram.
    fn hear(&mut self, datagram: &[u8]) {
        for message in messages(datagram) {
            let Some(link) = LinkMessage::read(message) else { continue };
            // A bridge sends such messages about its ports, of its own family. A deletion there
            // means that the port left the bridge.
            if i32::from(link.family) != AF_UNSPEC {
                continue;
            }
            self.links_changed = true;
            if link.index == self.known.index {
                match message.kind {
                    RTM_DELLINK => self.gone = true,
                    RTM_NEWLINK => self.told.extend(link.into_interface()),
                    _ => {}
                }
            }
        }
    }

    /// Asks the kernel how the interface is now, because messages may be missing.
    fn look_again(&mut self) -> Result<()> {
        self.links_changed = true;
        match interface(self.known.index)? {
            Some(now) => self.told.push_back(now),
            None => self.gone = true,
        }
        Ok(())
    }

    /// One change of the interface at a time, until there is none.
    fn own_change(&mut self) -> Option<Change> {
        if self.gone {
            return Some(Change::Gone);
        }
        while let Some(now) = self.told.front() {
            let known = &mut self.known;
            if now.name != known.name {
                known.name.clone_from(&now.name);
                return Some(Change::Renamed(now.name.clone()));
            }
            // A message without an MTU leaves it at 0.
            if now.mtu != known.mtu && now.mtu != 0 {
                known.mtu = now.mtu;
                return Some(Change::Mtu(now.mtu));
            }
            if now.up != known.up {
                known.up = now.up;
                return Some(if now.up { Change::Up } else { Change::Down });
            }
            if now.xdp != known.xdp {
                known.xdp = now.xdp;
                return Some(Change::Xdp(now.xdp));
            }
            self.told.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use libc::{IFLA_IFNAME, IFLA_LINKINFO, IFLA_MTU};
    use proptest::prelude::*;

    use super::*;
    use crate::netlink::{
        attribute::Payload,
        message::{Message, encode},
    };

    fn link(family: u8, kind: u16, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut fixed = [0; 16];
        fixed[0] = family;
        fixed[4..8].copy_from_slice(&5_u32.to_ne_bytes());
        fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
        let payload = attributes
            .iter()
            .fold(Payload::new(&fixed), |payload, (kind, value)| payload.with(*kind, value));
        encode(&Message { kind, flags: 0, sequence: 0, payload: payload.bytes() })
    }

    fn told(datagrams: &[Vec<u8>]) -> Vec<Change> {
        let name = Name::new(b"ens3");
        let mut state =
            State::new(&Interface { index: 5, name, mtu: 1500, up: true, ..Interface::default() });
        let mut changes = Vec::new();
        for datagram in datagrams {
            state.hear(datagram);
            while let Some(change) = state.own_change() {
                changes.push(change);
                if changes.last() == Some(&Change::Gone) {
                    return changes;
                }
            }
        }
        changes
    }

    #[test]
    fn changes_in_their_order() {
        let mtu = 9000_u32.to_ne_bytes();
        let changed = link(0, RTM_NEWLINK, 0, &[(IFLA_IFNAME, b"\xff\0"), (IFLA_MTU, &mtu)]);
        let again = link(0, RTM_NEWLINK, 1, &[(IFLA_IFNAME, b"\xff\0"), (IFLA_MTU, &mtu)]);
        assert_eq!(
            told(&[[changed, again].concat()]),
            [Change::Renamed(Name::new(b"\xff")), Change::Mtu(9000), Change::Down, Change::Up]
        );
    }

    #[test]
    fn a_deletion_is_heard_whatever_else_is_in_the_messages() {
        let junk: &[(u16, &[u8])] = &[
            (libc::IFLA_IFALIAS, b"Sp\xfcrnase\xff\0"),
            (IFLA_LINKINFO, &[0xff; 40]),
            (IFLA_IFNAME, b"ens3\0"),
            (0x3fff, &[7; 300]),
        ];
        let alias = link(0, RTM_NEWLINK, 1, junk);
        assert_eq!(told(&[alias, link(0, RTM_DELLINK, 0, junk)]), [Change::Gone]);
        assert_eq!(told(&[link(0, RTM_DELLINK, 0, &[])]), [Change::Gone]);
    }

    proptest! {
        /// Whatever messages hold, what follows them is heard.
        #[test]
        fn a_deletion_is_heard_after_any_bytes(
            attributes in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            junk in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let attributes: Vec<_> =
                attributes.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
            let changed = link(0, RTM_NEWLINK, 1, &attributes);
            let changes = told(&[junk, changed, link(0, RTM_DELLINK, 0, &attributes)]);
            prop_assert_eq!(changes.last(), Some(&Change::Gone));
        }
    }

    #[test]
    fn what_is_no_change_of_the_interface() {
        let wireless = link(0, RTM_NEWLINK, 0, &[(libc::IFLA_WIRELESS, &[1; 12])]);
        let left_bridge = link(libc::AF_BRIDGE as u8, RTM_DELLINK, 1, &[]);
        let same = link(0, RTM_NEWLINK, 1, &[(IFLA_IFNAME, b"ens3\0")]);
        assert_eq!(told(&[wireless, left_bridge, same]), []);
    }
}
