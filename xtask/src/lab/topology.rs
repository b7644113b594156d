//! How the lab is made.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Error, Result};

use super::host::Host::{self, Client, Fabric, Server, Target};
use crate::{
    command::{command_line, find, output},
    interrupts::Interrupts,
    report,
};

/// The interface of every host but the fabric, by the name that Oracle's images give it.
pub const DEV: &str = "ens3";

/// One thing to do on a host.
enum Step {
    Run(Host, &'static str),
    /// Sets a value below `/proc/sys/net`.
    Set(Host, &'static str, &'static str),
}

use Step::{Run, Set};

const STEPS: &[Step] = &[
    Run(Fabric, "ip link add client0 type veth peer name ens3 netns vtap-client"),
    Run(Fabric, "ip link add server0 type veth peer name ens3 netns vtap-server"),
    // The largest packet for the server, 1500, and the tunnel's headers must fit; a veth refuses a
    // native XDP program that wants packets in one piece where the MTU is above some 3520.
    Run(Fabric, "ip link add target0 mtu 3500 type veth peer name ens3 mtu 3500 netns vtap-target"),
    Run(Client, "ip addr add 10.0.0.5/24 dev ens3"),
    Run(Client, "ip link set ens3 up"),
    Run(Client, "ip route add default via 10.0.0.1"),
    Run(Fabric, "ip addr add 10.0.0.1/24 dev client0"),
    Run(Fabric, "ip link set client0 up"),
    // Server and target share a subnet but no wire. As in a cloud, all that they send, to each
    // other as well, goes to the router: hence no route for the subnet, but one for the router.
    Run(Server, "ip addr add 10.0.1.2/24 dev ens3 noprefixroute"),
    Run(Server, "ip link set ens3 up"),
    Run(Server, "ip route add 10.0.1.1 dev ens3 src 10.0.1.2"),
    Run(Server, "ip route add default via 10.0.1.1"),
    Run(Fabric, "ip addr add 10.0.1.1/32 dev server0"),
    Run(Fabric, "ip link set server0 up"),
    Run(Fabric, "ip route add 10.0.1.2 dev server0 src 10.0.1.1"),
    Run(Target, "ip addr add 10.0.1.3/24 dev ens3 noprefixroute"),
    Run(Target, "ip link set ens3 up"),
    Run(Target, "ip route add 10.0.1.1 dev ens3 src 10.0.1.3"),
    Run(Target, "ip route add default via 10.0.1.1"),
    Run(Fabric, "ip addr add 10.0.1.1/32 dev target0"),
    Run(Fabric, "ip link set target0 up"),
    Run(Fabric, "ip route add 10.0.1.3 dev target0 src 10.0.1.1"),
    Set(Fabric, "ipv4/ip_forward", "1"),
    // A tunnel's source is the mirrored interface, so the fabric needs the server's address to
    // send from; it must still route packets for that address to the server, and accept those
    // that come from it.
    Run(Fabric, "ip addr add 10.0.1.2/32 dev lo"),
    Run(Fabric, "ip route del local 10.0.1.2 table local"),
    Set(Fabric, "ipv4/conf/server0/accept_local", "1"),
    Run(
        Fabric,
        "ip link add vxlan7 type vxlan id 7 local 10.0.1.2 remote 10.0.1.3 dstport 4789 \
         dev target0 nolearning",
    ),
    Run(Fabric, "ip link set vxlan7 up"),
    Run(Fabric, "tc qdisc add dev server0 clsact"),
    // Where nothing takes the tunnel's packets, the target refuses them and says so to their
    // source, the server. Mirrored in turn, that answer would be refused again, and so on for ever.
    Run(
        Fabric,
        "tc filter add dev server0 egress protocol ip prio 1 u32 match ip src 10.0.1.3/32 \
         match ip protocol 1 0xff match ip icmp_type 3 0xff flowid 1:1",
    ),
    // Only IP: the router's ARP for the server would stand between the packets that the user sends.
    Run(Fabric, MIRROR),
];

/// The last step, and so the mark of a complete lab.
const MIRROR: &str = "tc filter add dev server0 egress protocol ip prio 2 u32 match u32 0 0 \
                      action mirred egress mirror dev vxlan7";

/// What there is of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Up,
    /// The remains of one whose making was cut short.
    Partial,
    Down,
}

/// Looks what there is.
pub fn state() -> Result<State> {
    let existing = Host::ALL.into_iter().filter(|host| host.exists()).count();
    if existing == 0 {
        return Ok(State::Down);
    }
    if existing < Host::ALL.len() {
        return Ok(State::Partial);
    }
    let filters =
        Fabric.command("tc").args(["filter", "show", "dev", "server0", "egress"]).output();
    let filters = filters.context("cannot run `ip`")?;
    let complete = String::from_utf8_lossy(&filters.stdout).contains("mirred");
    Ok(if complete { State::Up } else { State::Partial })
}

/// A lab that is removed when dropped.
pub struct Lab {
    keep: bool,
}

impl Lab {
    /// Makes it; what a failure leaves half made is removed.
    pub fn make(interrupts: &Interrupts) -> Result<Self> {
        remove()?;
        let lab = Self { keep: false };
        for host in Host::ALL {
            interrupts.check()?;
            add(host).map_err(explained)?;
        }
        for step in STEPS {
            interrupts.check()?;
            step.take().map_err(explained)?;
        }
        finish_checksums();
        Ok(lab)
    }

    /// Uses one that somebody else made and will remove.
    pub fn existing() -> Self {
        Self { keep: true }
    }

    /// Leaves it there.
    pub fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = remove() {
            report::warning(format_args!("the lab was not removed: {error:#}"));
        }
    }
}

/// Removes whatever there is of the lab; its links vanish with their ends.
pub fn remove() -> Result<()> {
    let existing = Host::ALL.into_iter().filter(|host| host.exists());
    let results = existing.map(|host| {
        output(command_line(&format!("ip netns del {}", host.namespace())).process_group(0))
    });
    // All of them are tried before the first failure is told.
    results.collect::<Vec<_>>().into_iter().try_for_each(|result| result.map(drop))
}

/// The XDP program on the interface that `ip -details link show` describes.
pub fn xdp_program(link: &str) -> Option<String> {
    let mut words = link.split_whitespace().skip_while(|word| *word != "prog/xdp");
    let id = words.nth(2)?;
    let generic = link.split_whitespace().any(|word| word == "xdpgeneric");
    Some(format!("{}, program {id}", if generic { "generic" } else { "native" }))
}

fn add(host: Host) -> Result<()> {
    let name = host.namespace();
    output(command_line(&format!("ip netns add {name}")).process_group(0))?;
    // Its neighbour discovery would stand between the packets that the user sends.
    for scope in ["all", "default"] {
        set(host, &format!("ipv6/conf/{scope}/disable_ipv6"), "1")?;
    }
    output(host.ip("link set lo up").process_group(0)).map(drop)
}

impl Step {
    fn take(&self) -> Result<()> {
        match self {
            Run(host, words) => {
                let mut words = words.split_whitespace();
                let mut command = host.command(words.next().unwrap_or_default());
                output(command.args(words).process_group(0)).map(drop)
            }
            Set(host, path, value) => set(*host, path, value),
        }
    }
}

/// A kernel without IPv6 lacks that part of the tree.
fn set(host: Host, path: &str, value: &str) -> Result<()> {
    let script = format!("cd /proc/sys/net && if [ -e {path} ]; then echo {value} > {path}; fi");
    output(host.command("sh").args(["-c", &script]).process_group(0)).map(drop)
}

/// A veth leaves checksums, and the cutting of large TCP packets, to a device behind it that
/// there is none of here; the mirrored packets would differ from those on a real wire.
fn finish_checksums() {
    if find("ethtool").is_none() {
        report::warning(
            "without ethtool, TCP and UDP packets mirrored here have unfinished checksums: \
             `cargo xtask setup` installs it",
        );
        return;
    }
    for host in [Client, Target] {
        let mut ethtool = host.command("ethtool");
        if let Err(error) = output(ethtool.args(["-K", DEV, "tx", "off"]).process_group(0)) {
            report::warning(format_args!("mirrored packets have unfinished checksums: {error:#}"));
        }
    }
}

fn explained(error: Error) -> Error {
    error.context(
        "cannot make the lab, which needs network namespaces, veth, vxlan, and of tc clsact, u32 \
         and mirred",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdp_program_is_found() {
        let none =
            "2: ens3@if4: <BROADCAST> mtu 3500 qdisc noqueue state UP\n    veth addrgenmode eui64";
        assert_eq!(xdp_program(none), None);
        let native =
            "2: ens3@if4: <BROADCAST> mtu 3500 xdp qdisc noqueue\n    prog/xdp id 5 name vtap";
        assert_eq!(xdp_program(native).as_deref(), Some("native, program 5"));
        let generic = native.replace("3500 xdp", "3500 xdpgeneric");
        assert_eq!(xdp_program(&generic).as_deref(), Some("generic, program 5"));
    }
}
