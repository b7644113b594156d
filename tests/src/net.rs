//! A tap and a target: two network namespaces joined by a wire, removed when dropped.
//!
//! The wire is a veth pair, or in a guest that has one a pair of `virtio_net` interfaces (see
//! [`Wire`]).

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::capture::wait_until;

/// The target's interface, on which `vtap` captures; the name that Oracle's images give it.
pub const TARGET_DEV: &str = "ens3";
/// The tap's interface.
pub const TAP_DEV: &str = "tap0";
/// The tap's address.
pub const TAP_ADDR: &str = "10.9.0.1";
/// The target's address.
pub const TARGET_ADDR: &str = "10.9.0.2";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Two namespaces and the pair between them.
pub struct Net {
    /// Sends.
    pub tap: Namespace,
    /// Captures.
    pub target: Namespace,
}

impl Net {
    /// With the usual MTU.
    pub fn new() -> Result<Self> {
        Self::with_mtu(1500)
    }

    /// With a given MTU on both ends.
    pub fn with_mtu(mtu: u32) -> Result<Self> {
        let tap = Namespace::new("tap")?;
        let target = Namespace::new("target")?;
        let net = Self { tap, target };
        Wire::of_this_run().lay(&net)?;
        net.tap.set_up(TAP_DEV, TAP_ADDR, mtu)?;
        net.target.set_up(TARGET_DEV, TARGET_ADDR, mtu)?;
        Ok(net)
    }
}

/// What joins the two: `VTAP_WIRE`, or a veth pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Made for each test.
    Veth,
    /// The machine's only two such interfaces, which are on one wire; they come back when the
    /// namespaces that they were moved to are gone.
    VirtioNet,
}

impl Wire {
    /// What the tests of this run use.
    #[must_use]
    pub fn of_this_run() -> Self {
        match std::env::var("VTAP_WIRE").as_deref() {
            Ok("virtio_net") => Self::VirtioNet,
            _ => Self::Veth,
        }
    }

    fn lay(self, net: &Net) -> Result<()> {
        let (tap, target) = (&net.tap.name, &net.target.name);
        if self == Self::Veth {
            return ip(&format!(
                "link add {TAP_DEV} netns {tap} type veth peer name {TARGET_DEV} netns {target}"
            ));
        }
        let mut found = Vec::new();
        wait_until("the virtio_net interfaces", || {
            found = virtio_interfaces()?;
            Ok(found.len() == 2)
        })?;
        for (dev, (name, netns)) in found.iter().zip([(TAP_DEV, tap), (TARGET_DEV, target)]) {
            // Moved first: the other's name may still be taken here.
            ip(&format!("link set {dev} netns {netns} down"))?;
            // Frames of the tests have any address.
            ip(&format!("-n {netns} link set {dev} name {name} promisc on"))?;
        }
        Ok(())
    }
}

/// By their hardware addresses, so that each has always the same place.
fn virtio_interfaces() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/sys/class/net")? {
        let entry = entry?;
        let driver = std::fs::read_link(entry.path().join("device/driver"));
        if driver.is_ok_and(|driver| driver.ends_with("virtio_net")) {
            let address = std::fs::read_to_string(entry.path().join("address"))?;
            found.push((address, entry.file_name().to_string_lossy().into_owned()));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// A network namespace.
pub struct Namespace {
    /// Its name for `ip netns`.
    pub name: String,
}

impl Namespace {
    fn new(role: &str) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vtap-test-{}-{number}-{role}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let namespace = Self { name };
        // Router solicitations and the like would arrive among the frames of a test.
        namespace.sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
        namespace.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
        namespace.run("ip link set lo up")?;
        Ok(namespace)
    }

    fn set_up(&self, dev: &str, address: &str, mtu: u32) -> Result<()> {
        self.run(&format!("ip link set {dev} mtu {mtu} up"))?;
        self.run(&format!("ip addr add {address}/24 dev {dev}"))
    }

    /// Sets a `sysctl` by its path.
    pub fn sysctl(&self, path: &'static str, value: &'static str) -> Result<()> {
        self.enter(move || {
            std::fs::write(PathBuf::from("/proc/sys").join(path), value).context(path)
        })
    }

    /// A command that will run in the namespace.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Runs a command of words without blanks; its output is part of the error if it fails.
    pub fn run(&self, words: &str) -> Result<()> {
        self.output(words).map(drop)
    }

    /// Runs a command and returns what it wrote to standard output.
    pub fn output(&self, words: &str) -> Result<String> {
        let mut words = words.split_whitespace();
        let mut command = self.command(words.next().unwrap_or_default());
        finished(&command.args(words).output()?)
    }

    /// Runs `work` in a thread that lives in the namespace.
    pub fn enter<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let namespace = File::open(format!("/run/netns/{}", self.name))?;
        let thread = thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET)?;
            work()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Hardware address of an interface.
    pub fn mac(&self, dev: &str) -> Result<[u8; 6]> {
        let text = self.output(&format!("cat /sys/class/net/{dev}/address"))?;
        let bytes: Result<Vec<_>, _> =
            text.trim().split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
        bytes?.try_into().map_err(|_| anyhow::anyhow!("{dev} has the address {text}"))
    }

    /// Id of the XDP program on an interface.
    pub fn xdp_program(&self, dev: &str) -> Result<Option<u64>> {
        let links = self.output(&format!("ip -json -details link show dev {dev}"))?;
        let links: serde_json::Value = serde_json::from_str(&links)?;
        Ok(links[0]["xdp"]["prog"]["id"].as_u64())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.name));
    }
}

fn ip(words: &str) -> Result<()> {
    finished(&Command::new("ip").args(words.split_whitespace()).output()?).map(drop)
}

fn finished(output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
