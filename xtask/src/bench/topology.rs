//! Tap and target: two namespaces joined by a veth pair, made anew for every measurement and
//! removed on any end of it.

use std::{
    ffi::OsStr,
    fs,
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::cpu::NapiThread;
use crate::{
    command::{command, command_line, output},
    report,
};

/// The tap's interface.
pub const TAP_DEV: &str = "tap0";
/// As in the generator's frames.
const TAP_MAC: &str = "02:00:00:00:00:01";
const TARGET_MAC: &str = "02:00:00:00:00:02";
/// Jumbo frames of 8,900 bytes in their tunnel fit.
const LARGE_MTU: u32 = 9100;
/// A veth refuses a native XDP program that wants frames in one piece where the MTU is greater.
const MTU: u32 = 3500;

/// Both, and the name of the target's interface.
pub struct Net {
    pub tap: Namespace,
    pub target: Namespace,
    /// Unique on this machine, as kernel threads are named after it.
    pub dev: String,
}

impl Net {
    /// For inner frames of `size` bytes at most.
    pub fn make(size: u32) -> Result<Self> {
        let pid = std::process::id();
        let net = Self {
            tap: Namespace::add(format!("{PREFIX}{pid}-tap"))?,
            target: Namespace::add(format!("{PREFIX}{pid}-target"))?,
            dev: device_name(),
        };
        net.join(if size > 1500 { LARGE_MTU } else { MTU })?;
        Ok(net)
    }

    fn join(&self, mtu: u32) -> Result<()> {
        let Self { tap, target, dev } = self;
        // The addresses are those that the generator's frames have.
        let end = format!("mtu {mtu} numrxqueues 1 numtxqueues 1");
        tap.ip(&format!(
            "link add {TAP_DEV} {end} address {TAP_MAC} type veth peer name {dev} {end} \
             address {TARGET_MAC} netns {}",
            target.name
        ))?;
        tap.ip(&format!("addr add 10.9.0.1/24 dev {TAP_DEV}"))?;
        tap.ip(&format!("link set {TAP_DEV} up"))?;
        target.ip(&format!("addr add 10.9.0.2/24 dev {dev}"))?;
        target.ip(&format!("link set {dev} up"))?;
        // Where the stack answers, it must not ask for the tap first: the reply would be counted.
        target.ip(&format!("neigh add 10.9.0.1 lladdr {TAP_MAC} dev {dev}"))?;
        // A veth takes redirected frames only while its peer polls (NAPI), which GRO switches on
        // where no XDP program does.
        target.run("ethtool", &["-K", dev, "gro", "on"])?;
        Ok(())
    }

    /// Lets a kernel thread on one CPU poll the target's interface, instead of a softirq of the
    /// CPU that sends.
    pub fn poll_on(&self, cpu: usize) -> Result<NapiThread> {
        self.target.set(&format!("/sys/class/net/{}/threaded", self.dev), "1")?;
        NapiThread::place(&self.dev, cpu)
    }

    /// Frames that found the target's queue full.
    pub fn dropped(&self) -> Result<u64> {
        self.tap.statistic(TAP_DEV, "tx", "dropped")
    }

    /// Frames that the target's interface received.
    pub fn arrived(&self) -> Result<u64> {
        self.target.statistic(&self.dev, "rx", "packets")
    }
}

/// The kernel removes a namespace some time after it was asked to, and until then its interface's
/// threads are there: so each gets another name, of which `napi/NAME-ID` shows nine bytes.
fn device_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed) & 0xff;
    format!("b{:x}", std::process::id() << 8 | number)
}

const PREFIX: &str = "vtap-bench-";

/// Removes what a killed benchmark left.
pub fn remove_stale() {
    let Ok(namespaces) = fs::read_dir("/run/netns") else { return };
    for name in namespaces.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            report::detail(format_args!("removing {name}, which a killed benchmark left"));
            drop(Namespace { name });
        }
    }
}

/// A network namespace.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    fn add(name: String) -> Result<Self> {
        output(command_line(&format!("ip netns add {name}")).process_group(0))?;
        let namespace = Self { name };
        // Neighbour discovery would be among the frames that are counted.
        namespace.set("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// A command in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// The same on one CPU.
    pub fn pinned(&self, cpu: usize, program: impl AsRef<OsStr>) -> Command {
        // With the priority that keeps others of the same session away from the CPU.
        let mut command = self.command("nice");
        command.args(["-n", "-20", "taskset", "--cpu-list", &cpu.to_string()]).arg(program);
        command
    }

    /// Runs a command in it.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        output(self.command(program).args(args).process_group(0))
    }

    /// Runs `ip` about it.
    pub fn ip(&self, words: &str) -> Result<String> {
        output(command_line(&format!("ip -netns {} {words}", self.name)).process_group(0))
    }

    /// Writes to a file below `/proc/sys` or `/sys`, if it is there.
    pub fn set(&self, path: &str, value: &str) -> Result<()> {
        let script = format!("if [ -e {path} ]; then echo {value} > {path}; fi");
        self.run("sh", &["-c", &script]).map(drop)
    }

    fn statistic(&self, dev: &str, direction: &str, name: &str) -> Result<u64> {
        let links = self.ip(&format!("-json -stats link show dev {dev}"))?;
        let links: Value = serde_json::from_str(&links).context("`ip -json`")?;
        let count = links[0]["stats64"][direction][name].as_u64();
        count.with_context(|| format!("no {direction} {name} of {dev}"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let del = output(command_line(&format!("ip netns del {}", self.name)).process_group(0));
        if let Err(error) = del {
            report::warning(format_args!("a namespace was not removed: {error:#}"));
        }
    }
}
