//! tcpdump: as it is, as someone who needs it faster would set it up, and behind a VXLAN device.

use std::process::Command;

use anyhow::Result;

use super::{Ended, Scene, Subject, TCPDUMP, TCPDUMP_TUNED, TCPDUMP_WRITE};

/// tcpdump with some arguments.
pub struct Tcpdump {
    key: &'static str,
    name: &'static str,
    args: &'static [&'static str],
    setting: Setting,
}

enum Setting {
    Stock,
    /// nftables drops what tcpdump has seen, so that the stack does not refuse every datagram.
    DropBehind,
    /// The way to see inner packets without vtap.
    VxlanDevice,
}

const VXLAN_DEV: &str = "vxlan7";

impl Tcpdump {
    /// As it is.
    pub fn stock() -> Self {
        Self { key: "tcpdump", name: TCPDUMP, args: &["-w", "/dev/null"], setting: Setting::Stock }
    }

    /// The same to a file in memory.
    pub fn write() -> Self {
        Self { key: "tcpdump-write", name: TCPDUMP_WRITE, args: &["-w", "x.pcap"], ..Self::stock() }
    }

    /// With a large buffer (64 MiB), one snapshot length that lets the kernel use small slots, and
    /// nothing behind it.
    pub fn tuned() -> Self {
        Self {
            key: "tcpdump-tuned",
            name: TCPDUMP_TUNED,
            args: &["-B", "65536", "-s", "9216", "-w", "/dev/null"],
            setting: Setting::DropBehind,
        }
    }

    /// On a VXLAN device.
    pub fn vxlan() -> Self {
        Self {
            key: "vxlan",
            name: "vxlan device + tcpdump",
            setting: Setting::VxlanDevice,
            ..Self::stock()
        }
    }
}

impl Subject for Tcpdump {
    fn key(&self) -> &str {
        self.key
    }

    fn name(&self) -> &str {
        self.name
    }

    fn program(&self) -> Option<&'static str> {
        Some("tcpdump")
    }

    fn missing(&self) -> Option<String> {
        let needs_nft = matches!(self.setting, Setting::DropBehind);
        let programs = ["tcpdump"].into_iter().chain(needs_nft.then_some("nft"));
        programs.into_iter().find_map(super::not_installed)
    }

    fn prepare(&self, scene: &Scene<'_>) -> Result<()> {
        let (target, dev) = (&scene.net.target, &scene.net.dev);
        match self.setting {
            Setting::Stock => {}
            Setting::DropBehind => {
                // Packet sockets are served before the ingress hook (net/core/dev.c).
                let rules = format!(
                    "add table netdev t; add chain netdev t c {{ type filter hook ingress device \
                     \"{dev}\" priority 0; }}; add rule netdev t c udp dport 4789 drop"
                );
                target.run("nft", &[&rules])?;
            }
            Setting::VxlanDevice => {
                target.ip(&format!(
                    "link add {VXLAN_DEV} type vxlan id 7 local 10.9.0.2 dstport 4789 dev {dev}"
                ))?;
                target.ip(&format!("link set {VXLAN_DEV} up"))?;
            }
        }
        Ok(())
    }

    fn command(&self, scene: &Scene<'_>) -> Command {
        let mut command = scene.command("tcpdump");
        let dev = match self.setting {
            Setting::VxlanDevice => VXLAN_DEV,
            Setting::Stock | Setting::DropBehind => &scene.net.dev,
        };
        // As root it would give up its rights and then be unable to write here.
        command.args(["-Z", "root", "-n", "-i", dev]).args(self.args);
        command
    }

    fn ready(&self) -> &'static str {
        "listening on"
    }

    /// What the kernel handed over: at the end, up to a second's packets are still in a block of
    /// the buffer that is not full, and are not among those that tcpdump itself counts.
    fn delivered(&self, ended: &Ended<'_>) -> Result<u64> {
        let received = ended.number_before("packets received by filter")?;
        let dropped = ended.number_before("packets dropped by kernel")?;
        Ok(received.saturating_sub(dropped))
    }
}
