//! What becomes of an interface while it is captured from.

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use rtnetlink::{
    MulticastGroup, new_multicast_connection,
    packet_core::NetlinkPayload,
    packet_route::{AddressFamily, RouteNetlinkMessage, link::LinkMessage},
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
    /// It has another MTU now.
    Mtu(u32),
    /// Deleted, or moved to another network namespace.
    Gone,
}

/// Sees the changes of one interface.
pub struct Watch {
    index: u32,
    name: String,
    up: bool,
    mtu: u32,
    /// What the kernel told last, as far as it was not compared yet.
    latest: Option<Interface>,
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
            mtu: interface.mtu,
            latest: None,
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
            if let Some(change) = self.compare() {
                return change;
            }
            match self.links.recv().await {
                Some(Link::Is(link)) if link.index == self.index => self.latest = Some(link),
                Some(Link::IsNot(index)) if index == self.index => return Change::Gone,
                Some(Link::Unknown) => {
                    let Ok(links) = super::interfaces().await else { continue };
                    match links.into_iter().find(|link| link.index == self.index) {
                        None => return Change::Gone,
                        found => self.latest = found,
                    }
                }
                Some(_) => {}
                // The kernel has closed the socket, which it does not do.
                None => std::future::pending().await,
            }
        }
    }

    /// One change at a time, until there is none.
    fn compare(&mut self) -> Option<Change> {
        let link = self.latest.as_ref()?;
        if link.name != self.name {
            self.name.clone_from(&link.name);
            return Some(Change::Renamed(link.name.clone()));
        }
        // Some messages of wireless interfaces do not tell it.
        if link.mtu != self.mtu && link.mtu != 0 {
            self.mtu = link.mtu;
            return Some(Change::Mtu(link.mtu));
        }
        let changed = link.up != self.up;
        self.up = link.up;
        changed.then_some(if link.up { Change::Up } else { Change::Down })
    }
}

impl Link {
    fn of(message: &RouteNetlinkMessage) -> Option<Self> {
        // A bridge tells of its ports in the same words: one that is deleted left the bridge only.
        let own = |link: &&LinkMessage| link.header.interface_family == AddressFamily::Unspec;
        match message {
            RouteNetlinkMessage::NewLink(link) => {
                Some(link).filter(own).map(|link| Self::Is(Interface::from_message(link)))
            }
            RouteNetlinkMessage::DelLink(link) => {
                Some(link).filter(own).map(|link| Self::IsNot(link.header.index))
            }
            _ => None,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
