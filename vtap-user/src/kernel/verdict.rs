//! What becomes of tunnel packets: with `--verdict auto`, they are dropped only where nobody else can
//! want them.

mod bits;
mod filter;
mod links;
mod listeners;
mod owner;
mod sample;
mod sockets;
mod stack;

use anyhow::{Context as _, Result};

use crate::{
    netlink::{self, Interface},
    plan::Verdict,
};

/// What becomes of tunnel packets, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether they go on to the network stack.
    pub pass: bool,
    reason: String,
    /// The inode of the socket that decides it.
    socket: Option<u32>,
}

/// Somebody who may want tunnel packets.
struct User {
    what: String,
    /// The inode of its socket.
    socket: Option<u32>,
}

impl User {
    fn new(what: String) -> Self {
        Self { what, socket: None }
    }
}

/// Where vtap captures.
struct Ground<'a> {
    ports: &'a [u16],
    interface: &'a Interface,
    interfaces: &'a [Interface],
}

/// Finds somebody.
type Look = fn(&Ground<'_>) -> Result<Option<User>>;

/// Everything that may want tunnel packets.
const LOOKS: [Look; 9] = [
    |ground| Ok(links::tunnel(ground)),
    sockets::udp,
    |ground| Ok(links::master(ground)),
    |ground| Ok(links::upper(ground)),
    stack::forwarding,
    listeners::user,
    stack::traffic_control,
    stack::addresses,
    sockets::raw,
];

impl Decision {
    /// `pass` or `drop`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        if self.pass { "pass" } else { "drop" }
    }

    /// The reason, for people. That looks through all processes for the owner of a socket.
    #[must_use]
    pub fn reason(&self) -> String {
        let owner = self.socket.and_then(owner::of_socket);
        owner.map_or_else(|| self.reason.clone(), |owner| format!("{}: {owner}", self.reason))
    }

    fn as_asked(pass: bool) -> Self {
        Self { pass, reason: "as asked".into(), socket: None }
    }
}

/// Decides for packets that come in to these UDP ports on the interface of this index.
pub fn decide(asked: Verdict, ports: &[u16], index: u32) -> Decision {
    match asked {
        Verdict::Pass => Decision::as_asked(true),
        Verdict::Drop => Decision::as_asked(false),
        Verdict::Auto => match look(ports, index) {
            Ok(Some(User { what, socket })) => Decision { pass: true, reason: what, socket },
            Ok(None) => Decision {
                pass: false,
                reason: format!("nobody else here wants them: {}", nobody(ports)),
                socket: None,
            },
            // What can't be seen may be there.
            Err(error) => Decision {
                pass: true,
                reason: format!("whether somebody else wants them can't be seen: {error:#}"),
                socket: None,
            },
        },
    }
}

/// The first user that is found; what could not be looked at is an error only where there is none.
fn look(ports: &[u16], index: u32) -> Result<Option<User>> {
    let interfaces = netlink::interfaces()?;
    let interface = interfaces.iter().find(|interface| interface.index == index);
    let interface = interface.context("the interface is gone")?;
    first_user(&Ground { ports, interface, interfaces: &interfaces }, &LOOKS)
}

fn first_user(ground: &Ground<'_>, looks: &[Look]) -> Result<Option<User>> {
    let mut failed = None;
    for look in looks {
        match look(ground) {
            Ok(None) => {}
            Ok(user) => return Ok(user),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(None), Err)
}

fn nobody(ports: &[u16]) -> String {
    let numbers: Vec<_> = ports.iter().map(u16::to_string).collect();
    let word = if ports.len() == 1 { "UDP port" } else { "UDP ports" };
    format!(
        "no VXLAN device or socket on {word} {}, no forwarding, no listener",
        numbers.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    const USER: Look = |_| Ok(Some(User::new("it is wanted".into())));
    const NOBODY: Look = |_| Ok(None);
    const REFUSED: Look = |_| bail!("no look");

    #[test]
    fn what_can_not_be_seen_counts_unless_somebody_is_seen() {
        let interface = Interface::default();
        let ground = Ground { ports: &[4789], interface: &interface, interfaces: &[] };
        let look = |looks: &[Look]| match first_user(&ground, looks) {
            Ok(user) => user.map_or("nobody".into(), |user| user.what),
            Err(error) => error.to_string(),
        };
        assert_eq!(look(&[NOBODY, NOBODY]), "nobody");
        assert_eq!(look(&[REFUSED, USER]), "it is wanted");
        assert_eq!(look(&[NOBODY, REFUSED, NOBODY]), "no look");
    }
}
