//! What a test needs of the machine it runs on.

use std::{
    io,
    process::{Command, ExitStatus, Stdio},
};

use crate::net::Wire;

/// Something that may be missing.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// User id 0.
    Root,
    /// An environment variable.
    Variable(&'static str),
    /// A program that can be started.
    Program(&'static str),
    /// The kernel's VLAN devices.
    VlanDevices,
    /// A wire that can be made and deleted.
    Veth,
    /// A machine, and not its emulation, which is far slower.
    Speed,
    /// A guest that is nobody's: what the test does would disturb a machine in use.
    Guest,
    /// A kernel of this version or later, for what only such a one lets a test send.
    Kernel(u32, u32),
}

impl From<&'static str> for Need {
    fn from(program: &'static str) -> Self {
        Self::Program(program)
    }
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
            Self::Program(name) => {
                quietly(name, &["--version"]).is_err().then(|| format!("needs `{name}`"))
            }
            Self::VlanDevices => {
                let script = "ip link add v0 type veth && ip link add link v0 type vlan id 1";
                let made = quietly("unshare", &["--net", "sh", "-c", script]);
                let made = made.is_ok_and(|status| status.success());
                (!made).then(|| "needs a kernel with VLAN devices".into())
            }
            Self::Veth => (Wire::of_this_run() != Wire::Veth).then(|| "needs a veth pair".into()),
            Self::Speed => in_guest().then(|| "needs a machine faster than its emulation".into()),
            Self::Guest => (!in_guest()).then(|| "needs a guest (`cargo xtask test --vm`)".into()),
            Self::Kernel(major, minor) => {
                let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
                let release = release.unwrap_or_default();
                let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
                let here = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                (here < (major, minor)).then(|| format!("needs Linux {major}.{minor}"))
            }
        }
    }
}

/// Whether this is an emulated machine that runs only the tests.
#[must_use]
pub fn in_guest() -> bool {
    std::env::var_os("VTAP_VM").is_some()
}

fn quietly(program: &str, args: &[&str]) -> io::Result<ExitStatus> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
}
