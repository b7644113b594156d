//! What a test needs of the machine it runs on.

use std::{
    io,
    process::{Command, ExitStatus, Stdio},
};

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
                let words = "--net ip link add link lo name probe type vlan id 1";
                let made = quietly("unshare", &words.split(' ').collect::<Vec<_>>());
                let made = made.is_ok_and(|status| status.success());
                (!made).then(|| "needs a kernel with VLAN devices".into())
            }
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

fn quietly(program: &str, args: &[&str]) -> io::Result<ExitStatus> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
}
