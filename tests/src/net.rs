//! A tap and a target: two network namespaces joined by a pair of interfaces, removed when dropped.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::wire::Wire;

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
        let wire = Wire::chosen()?;
        let mut tap = Namespace::new("tap")?;
        let target = Namespace::new("target")?;
        tap.far_end = Some(target.open()?);
        let net = Self { tap, target };
        wire.join(&net.tap, &net.target)?;
        net.tap.set_up(TAP_DEV, TAP_ADDR, mtu)?;
        net.target.set_up(TARGET_DEV, TARGET_ADDR, mtu)?;
        Ok(net)
    }
}

/// A network namespace.
pub struct Namespace {
    /// Its name for `ip netns`.
    pub name: String,
    /// The one where frames sent from here arrive, if any are.
    pub far_end: Option<File>,
}

impl Namespace {
    fn new(role: &str) -> Result<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vtap-test-{}-{number}-{role}", std::process::id());
        ip(&format!("netns add {name}"))?;
        let namespace = Self { name, far_end: None };
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
        enter(self.open()?, work)
    }

    fn open(&self) -> Result<File> {
        Ok(File::open(format!("/run/netns/{}", self.name))?)
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
        Ok(self.xdp(dev)?["prog"]["id"].as_u64())
    }

    /// The mode in which the kernel runs the XDP program on an interface.
    pub fn xdp_mode(&self, dev: &str) -> Result<Option<&'static str>> {
        // XDP_ATTACHED_DRV and XDP_ATTACHED_SKB in include/uapi/linux/if_link.h.
        Ok(match self.xdp(dev)?["mode"].as_u64() {
            Some(1) => Some("native"),
            Some(2) => Some("generic"),
            _ => None,
        })
    }

    fn xdp(&self, dev: &str) -> Result<serde_json::Value> {
        let links = self.output(&format!("ip -json -details link show dev {dev}"))?;
        let mut links: serde_json::Value = serde_json::from_str(&links)?;
        Ok(links[0]["xdp"].take())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.name));
    }
}

/// Runs `work` in a thread that lives in the namespace.
pub fn enter<T: Send + 'static>(
    namespace: File,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let thread = thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        work()
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs `ip` outside of the namespaces.
pub(crate) fn ip(words: &str) -> Result<()> {
    finished(&Command::new("ip").args(words.split_whitespace()).output()?).map(drop)
}

fn finished(output: &Output) -> Result<String> {
    if !output.status.success() {
        bail!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
