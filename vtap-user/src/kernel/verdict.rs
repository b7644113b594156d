//! `--verdict auto`: whether this host has a use of its own for tunnel packets.

use crate::{cli::Verdict, netlink::Interface};

/// What becomes of tunnel packets, and why.
pub struct Decision {
    /// Whether they go on to the network stack.
    pub pass: bool,
    /// The reason, for people.
    pub reason: String,
}

impl Decision {
    /// `pass` or `drop`.
    pub const fn name(&self) -> &'static str {
        if self.pass { "pass" } else { "drop" }
    }
}

/// Decides for these tap ports.
pub fn decide(asked: Verdict, ports: &[u16], interfaces: &[Interface]) -> Decision {
    match asked {
        Verdict::Pass => Decision { pass: true, reason: "as asked".into() },
        Verdict::Drop => Decision { pass: false, reason: "as asked".into() },
        Verdict::Auto => match user_of(ports, interfaces) {
            Some(user) => Decision { pass: true, reason: user },
            None => Decision {
                pass: false,
                reason: format!("no VXLAN device or socket here on {}", list(ports)),
            },
        },
    }
}

fn user_of(ports: &[u16], interfaces: &[Interface]) -> Option<String> {
    let device = interfaces
        .iter()
        .find(|interface| interface.udp_port.is_some_and(|port| ports.contains(&port)));
    if let Some(Interface { name, kind, udp_port: Some(port), .. }) = device {
        let kind = if kind == "vxlan" { "VXLAN" } else { kind };
        return Some(format!("{kind} device {name} uses port {port}"));
    }
    let sockets = [procfs::net::udp(), procfs::net::udp6()];
    let mut sockets = sockets.into_iter().flatten().flatten();
    sockets
        .find(|socket| ports.contains(&socket.local_address.port()))
        .map(|socket| format!("a socket is bound to UDP {}", socket.local_address))
}

fn list(ports: &[u16]) -> String {
    let numbers: Vec<_> = ports.iter().map(u16::to_string).collect();
    let word = if ports.len() == 1 { "UDP port" } else { "UDP ports" };
    format!("{word} {}", numbers.join(", "))
}
