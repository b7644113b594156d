//! What becomes of an interface while it is captured from.

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use rtnetlink::{
    MulticastGroup, new_multicast_connection,
    packet_core::NetlinkPayload,
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::Interface;

/// A change that the user should know of.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Set down: nothing arrives any more.
    Down,
    /// Set up again.
    Up,
    /// It has another name now.
    Renamed(String),
    /// Deleted, or moved to another network namespace.
    Gone,
}

/// Sees the changes of one interface.
pub struct Watch {
    index: u32,
    name: String,
    up: bool,
    links: mpsc::Receiver<Link>,
    tasks: [JoinHandle<()>; 2],
}

/// What the kernel tells of the links of this network namespace.
enum Link {
    Is(Interface),
    IsNot(u32),
    /// It told more than could be taken in.
    Unknown,
}

impl Watch {
    /// Watches `interface` from now on.
    pub fn new(interface: &Interface) -> Result<Self> {
        let (connection, _, mut messages) =
            new_multicast_connection(&[MulticastGroup::Link]).context("cannot watch interfaces")?;
        let (sender, links) = mpsc::channel(16);
        let relay = async move {
            while let Some((message, _)) = messages.next().await {
                let link = match message.payload {
                    NetlinkPayload::InnerMessage(message) => Link::of(&message),
                    NetlinkPayload::Overrun(_) => Some(Link::Unknown),
                    _ => None,
                };
                if let Some(link) = link
                    && sender.send(link).await.is_err()
                {
                    return;
                }
            }
        };
        Ok(Self {
            index: interface.index,
            name: interface.name.clone(),
            up: interface.up,
            links,
            tasks: [tokio::spawn(connection), tokio::spawn(relay)],
        })
    }

    /// What the interface is called now.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the next change.
    pub async fn change(&mut self) -> Change {
        loop {
            match self.links.recv().await {
                Some(Link::Is(link)) if link.index == self.index => {
                    if let Some(change) = self.compare(link) {
                        return change;
                    }
                }
                Some(Link::IsNot(index)) if index == self.index => return Change::Gone,
                Some(Link::Unknown) => {
                    let Ok(links) = super::interfaces().await else { continue };
                    match links.into_iter().find(|link| link.index == self.index) {
                        None => return Change::Gone,
                        Some(link) => {
                            if let Some(change) = self.compare(link) {
                                return change;
                            }
                        }
                    }
                }
                Some(_) => {}
                // The kernel has closed the socket, which it does not do.
                None => std::future::pending().await,
            }
        }
    }

    fn compare(&mut self, link: Interface) -> Option<Change> {
        if link.name != self.name {
            self.name.clone_from(&link.name);
            return Some(Change::Renamed(link.name));
        }
        let changed = link.up != self.up;
        self.up = link.up;
        changed.then_some(if link.up { Change::Up } else { Change::Down })
    }
}

impl Link {
    fn of(message: &RouteNetlinkMessage) -> Option<Self> {
        let is = |link: &LinkMessage| Self::Is(Interface::from_message(link));
        match message {
            RouteNetlinkMessage::NewLink(link) => Some(is(link)),
            RouteNetlinkMessage::DelLink(link) => Some(Self::IsNot(link.header.index)),
            _ => None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
