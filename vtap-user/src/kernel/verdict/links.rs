//! Interfaces through which tunnel packets go on: the kernel's tunnels on a tap port, masters of the
//! interface, and interfaces that sit on it.

use super::{Ground, User};
use crate::netlink::Interface;

/// Kinds that pass on to others what they receive, or have it as their ports' master.
const MASTERS: [&str; 6] = ["bridge", "bond", "team", "vrf", "openvswitch", "hsr"];

/// Kinds that name an interface but take from it only their own packets, by port or protocol: their
/// tap ports are looked at separately. A veth names its other end.
const NOT_ON_IT: [&str; 22] = [
    "veth",
    "vxlan",
    "geneve",
    "bareudp",
    "gre",
    "gretap",
    "ip6gre",
    "ip6gretap",
    "erspan",
    "ip6erspan",
    "ipip",
    "sit",
    "ip6tnl",
    "vti",
    "vti6",
    "xfrm",
    "wireguard",
    "gtp",
    "macsec",
    "netkit",
    "amt",
    "ovpn",
];

/// A device of the kernel that takes off tunnel headers at a tap port.
pub fn tunnel(ground: &Ground<'_>) -> Option<User> {
    let on_tap_port = |interface: &&Interface| {
        interface.udp_port.is_some_and(|port| ground.ports.contains(&port))
    };
    ground.interfaces.iter().find(on_tap_port).map(|device| {
        let kind = match device.kind.as_str() {
            "vxlan" => "VXLAN",
            "geneve" => "Geneve",
            other => other,
        };
        let port = device.udp_port.unwrap_or_default();
        User::new(format!("{kind} device {} uses port {port}", device.name))
    })
}

/// A bridge, bond, VRF or switch that the interface belongs to, or that it is.
pub fn master(ground: &Ground<'_>) -> Option<User> {
    let Interface { index, name, kind, port_kind, master, .. } = ground.interface;
    if let Some(master) = master {
        let master = ground.interfaces.iter().find(|interface| interface.index == *master);
        let master = master.map_or_else(|| "another interface".into(), |m| m.name.to_string());
        let kind = if port_kind.is_empty() { "a" } else { port_kind };
        return Some(User::new(format!("{name} is {kind} port of {master}")));
    }
    let port = ground.interfaces.iter().find(|interface| interface.master == Some(*index));
    if let Some(port) = port {
        return Some(User::new(format!("{name} has {} as a port", port.name)));
    }
    let itself = MASTERS.contains(&kind.as_str());
    itself.then(|| User::new(format!("{name} is a {kind} interface")))
}

/// An interface that sits on this one and gets its packets from it.
pub fn upper(ground: &Ground<'_>) -> Option<User> {
    let sits_on = |interface: &&Interface| {
        interface.link == Some(ground.interface.index)
            && interface.index != ground.interface.index
            && !NOT_ON_IT.contains(&interface.kind.as_str())
    };
    ground.interfaces.iter().find(sits_on).map(|upper| {
        let kind = if upper.kind.is_empty() { "interface" } else { &upper.kind };
        User::new(format!("{kind} {} sits on {}", upper.name, ground.interface.name))
    })
}
