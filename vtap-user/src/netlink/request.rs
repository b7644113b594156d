//! Requests to the kernel. Each has a socket of its own, so that the rest of an answer that was given
//! up can't be taken for the next one.
//!
//! These calls block until the kernel has answered. That takes microseconds, or longer while somebody
//! else changes the network.

use std::{io, thread::sleep, time::Duration};

use libc::{NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};
use rustix::net::{
    Protocol, SocketFlags,
    sockopt::{Timeout, set_socket_timeout},
};

use super::{
    attribute::Payload,
    message::{Message, messages},
    socket::{Received, Socket},
};

/// How often a list is read again that changed while it was being read. The kernel tells when that
/// happens.
const ATTEMPTS: u32 = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// One request per socket, so any number will do.
const SEQUENCE: u32 = 1;

/// What a request is about.
pub struct Request<'a> {
    /// The netlink family, such as [`rustix::net::netlink::SOCK_DIAG`]; `None` is `NETLINK_ROUTE`.
    pub protocol: Option<Protocol>,
    /// The message's type, such as `RTM_GETLINK`.
    pub kind: u16,
    /// What the message says.
    pub payload: &'a Payload,
}

impl Request<'_> {
    /// Asks for a whole list (`NLM_F_DUMP`) and returns what `take` makes of its messages. A list
    /// that changed meanwhile is read again, and `take` then sees all of it anew.
    ///
    /// The error has the kernel's own number ([`io::Error::raw_os_error`]) where it refused.
    pub fn dump<T>(&self, mut take: impl FnMut(Message<'_>) -> Option<T>) -> io::Result<Vec<T>> {
        for attempt in 0..ATTEMPTS {
            let mut list = Vec::new();
            let whole = self.answer(NLM_F_DUMP, |message| list.extend(take(message)))?;
            if whole {
                return Ok(list);
            }
            sleep(Duration::from_millis(attempt.into()));
        }
        Err(io::Error::other(format!(
            "the list changed while it was read, {ATTEMPTS} times one after the other"
        )))
    }

    /// Asks for one thing and returns what `take` makes of the answer.
    pub fn get<T>(&self, mut take: impl FnMut(Message<'_>) -> Option<T>) -> io::Result<T> {
        let mut answer = None;
        self.answer(NLM_F_ACK, |message| answer = take(message).or(answer.take()))?;
        answer.ok_or_else(|| io::Error::other("the kernel's answer lacks what was asked for"))
    }

    /// Asks for a change.
    pub fn execute(&self) -> io::Result<()> {
        self.answer(NLM_F_ACK, |_| {}).map(drop)
    }

    /// Hands the answer's messages to `take`. False if some were lost or are out of date.
    fn answer(&self, flags: i32, mut take: impl FnMut(Message<'_>)) -> io::Result<bool> {
        let mut socket = Socket::open(self.protocol, 0, SocketFlags::empty())?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        socket.send(&Message {
            kind: self.kind,
            flags: (NLM_F_REQUEST | flags).cast_unsigned() as u16,
            sequence: SEQUENCE,
            payload: self.payload.bytes(),
        })?;
        let mut whole = true;
        loop {
            let datagram = match socket.receive() {
                Ok(Received::Datagram(datagram)) => datagram,
                Ok(Received::Overrun) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the kernel does not answer over netlink",
                    ));
                }
                Err(error) => return Err(error),
            };
            for message in messages(datagram).filter(|message| message.sequence == SEQUENCE) {
                whole &= i32::from(message.flags) & NLM_F_DUMP_INTR == 0;
                match i32::from(message.kind) {
                    // An error of 0 acknowledges; the end of a list may hold an error as well.
                    NLMSG_ERROR | NLMSG_DONE => return status(message.payload).map(|()| whole),
                    _ => take(message),
                }
            }
        }
    }
}

/// The kernel's error number, which is negative; where there is none, nothing went wrong.
fn status(payload: &[u8]) -> io::Result<()> {
    match payload.first_chunk().copied().map_or(0, i32::from_ne_bytes) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error.wrapping_abs())),
    }
}

#[cfg(test)]
mod tests {
    use libc::{RTM_GETLINK, RTM_NEWLINK};
    use rustix::io::Errno;

    use super::*;

    fn links(index: u32) -> Payload {
        let [i0, i1, i2, i3] = index.to_ne_bytes();
        Payload::new(&[0, 0, 0, 0, i0, i1, i2, i3, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn lists_and_single_answers_of_this_kernel() {
        let kind = |message: Message<'_>| Some(message.kind);
        let payload = links(0);
        let all = Request { protocol: None, kind: RTM_GETLINK, payload: &payload };
        let all = all.dump(kind).unwrap();
        assert!(!all.is_empty() && all.iter().all(|kind| *kind == RTM_NEWLINK), "{all:?}");
        let payload = links(1);
        let loopback = Request { protocol: None, kind: RTM_GETLINK, payload: &payload };
        assert_eq!(loopback.get(kind).unwrap(), RTM_NEWLINK);
    }

    #[test]
    fn what_the_kernel_refuses() {
        let payload = links(i32::MAX as u32);
        let none = Request { protocol: None, kind: RTM_GETLINK, payload: &payload };
        let error = none.get(|message| Some(message.kind)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::NODEV.raw_os_error()));
        assert_eq!(status(&[]).is_ok(), status(&0_i32.to_ne_bytes()).is_ok());
    }
}
