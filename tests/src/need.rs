//! What a test needs of the machine it runs on.

use std::process::{Command, Stdio};

use crate::wire::Wire;

/// Something that may be missing.
#[derive(Clone, Copy, Debug)]
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
    /// A machine whose clock may be set.
    OwnClock,
}

impl From<&'static str> for Need {
    /// The program of this name.
    fn from(program: &'static str) -> Self {
        Self::Program(program)
    }
}

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
                let started = Command::new(name)
                    .arg("--version")
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                started.is_err().then(|| format!("needs `{name}`"))
            }
        }
    }
}
