//! What a test needs of the machine it runs on.

use std::{
    io::{self, Write as _},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Result, bail};

use crate::wire::Wire;

/// Something that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// User id 0.
    Root,
    /// An environment variable.
    Variable(&'static str),
    /// A program that can be started.
    Program(&'static str),
    /// A wire that ends with either of its ends.
    Veth,
    /// A processor that is not emulated, where times are measured.
    Speed,
    /// So many processors.
    Cpus(usize),
    /// A second processor that may be switched off.
    SparedCpu,
    /// The kernel's bridges.
    Bridges,
    /// The kernel's macvlan devices.
    Macvlans,
    /// Traffic control, with its classifier of classic BPF, and `tc`.
    TrafficControl,
    /// A machine whose clock may be set.
    OwnClock,
    /// The kernel's VLAN devices.
    VlanDevices,
    /// The kernel's macvlan devices.
    MacvlanDevices,
    /// The kernel's tun and tap devices.
    TunDevices,
    /// The kernel's tunnels of IP in IP and in GRE.
    IpTunnels,
    /// The kernel's time namespaces, and a program that makes them.
    TimeNamespaces,
    /// A control group in which tasks can be limited.
    PidsController,
    /// The kernel's type information.
    KernelTypes,
    /// A kernel of this version or later, for what only such a one lets a test send.
    Kernel(u32, u32),
}

impl From<&'static str> for Need {
    /// The program of this name.
    fn from(program: &'static str) -> Self {
        Self::Program(program)
    }
}

/// Whether the second processor is switched on.
pub const CPU_1: &str = "/sys/devices/system/cpu/cpu1/online";

/// Whether this is a machine for these tests alone, emulated and slow, as `VTAP_VM` tells.
#[must_use]
pub fn in_emulation() -> bool {
    std::env::var_os("VTAP_VM").is_some()
}

impl Need {
    /// Why it is missing, or nothing if it is there.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Root => (!nix::unistd::geteuid().is_root()).then(|| "needs root".into()),
            Self::Variable(name) => {
                std::env::var_os(name).is_none().then(|| format!("{name} is not set"))
            }
            Self::Veth => {
                let other = !matches!(Wire::chosen(), Ok(Wire::Veth));
                other.then(|| "needs a veth pair, and runs on another wire".into())
            }
            Self::Speed => in_emulation().then(|| "needs a machine that is not emulated".into()),
            Self::OwnClock => (!in_emulation())
                .then(|| "sets the clock, which only a virtual machine's may be (--vm)".into()),
            Self::Program(name) => {
                quietly(name, &["--version"]).is_err().then(|| format!("needs `{name}`"))
            }
            Self::VlanDevices => {
                let made = can_make("link add v0 type veth\nlink add link v0 type vlan id 1");
                (!made).then(|| "needs a kernel with VLAN devices".into())
            }
            Self::MacvlanDevices => {
                let made = can_make("link add v0 type veth\nlink add link v0 type macvlan");
                (!made).then(|| "needs a kernel with macvlan devices".into())
            }
            Self::TunDevices => {
                let there = std::fs::exists("/dev/net/tun").unwrap_or_default();
                (!there).then(|| "needs /dev/net/tun".into())
            }
            Self::IpTunnels => {
                let ends = "local 10.0.0.1 remote 10.0.0.2";
                let made = ["ipip", "gre"]
                    .map(|kind| can_make(&format!("link add t0 type {kind} {ends}")));
                (made != [true; 2]).then(|| "needs a kernel with tunnels over IP".into())
            }
            Self::TimeNamespaces => {
                // Older kernels let a process do that, which then can't start a thread or another.
                let forks = ["sh", "-c", "true & wait"];
                let args = [&["--time", "--monotonic", "1"], &forks[..]].concat();
                let made = quietly("unshare", &args);
                let made = made.is_ok_and(|status| status.success());
                (!made).then(|| "needs `unshare --time` and a kernel that has it".into())
            }
            Self::Cpus(count) => {
                let there = std::thread::available_parallelism().map_or(1, usize::from);
                (there < count).then(|| format!("needs {count} CPUs"))
            }
            Self::SparedCpu if !in_emulation() => {
                Some("switches a CPU off, which only a virtual machine's may be (--vm)".into())
            }
            Self::SparedCpu => {
                let there = std::fs::exists(CPU_1).unwrap_or_default();
                (!there).then(|| "needs a CPU that can be switched off".into())
            }
            Self::Macvlans => {
                let made = can_make("link add v0 type veth\nlink add link v0 type macvlan");
                (!made).then(|| "needs a kernel with macvlan devices".into())
            }
            Self::TrafficControl => {
                let filter = "filter add dev lo ingress bpf bytecode '1,6 0 0 0' flowid 1:1";
                let made = batch("tc", &format!("qdisc add dev lo clsact\n{filter}\n"));
                (!made).then(|| "needs `tc` and a kernel with cls_bpf".into())
            }
            Self::Bridges => (!can_make("link add br0 type bridge"))
                .then(|| "needs a kernel with bridges".into()),
            Self::PidsController => {
                let there = std::fs::exists("/sys/fs/cgroup/pids/cgroup.procs").unwrap_or_default();
                (!there).then(|| "needs the control group /sys/fs/cgroup/pids".into())
            }
            Self::KernelTypes => {
                let there = std::fs::exists("/sys/kernel/btf/vmlinux").unwrap_or_default();
                (!there).then(|| "needs /sys/kernel/btf/vmlinux".into())
            }
            Self::Kernel(major, minor) => {
                let older = kernel_version().is_ok_and(|version| version < (major, minor));
                older.then(|| format!("needs Linux {major}.{minor}"))
            }
        }
    }
}

/// The running kernel's version, as far as it tells what can be done.
pub fn kernel_version() -> Result<(u32, u32)> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split('.').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => bail!("what version is {release}?"),
    }
}

/// Whether `ip` does this in a network namespace of its own.
fn can_make(commands: &str) -> bool {
    batch("ip", &format!("{commands}\n"))
}

/// Whether a program of iproute2 succeeds with these lines of commands, in a network namespace of
/// its own. No shell is between, because that of a guest has an `ip` of its own.
fn batch(program: &str, commands: &str) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--net", program, "-batch", "-"]).stdin(Stdio::piped());
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.is_ok_and(|mut child| {
        let given = child.stdin.take().map(|mut pipe| pipe.write_all(commands.as_bytes()));
        child.wait().is_ok_and(|status| status.success())
            && given.is_some_and(|given| given.is_ok())
    })
}

fn quietly(program: &str, args: &[&str]) -> io::Result<ExitStatus> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
}
