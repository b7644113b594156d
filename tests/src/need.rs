//! What a test needs of the machine it runs on.

use std::process::{Command, Stdio};

/// Something that may be missing.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// User id 0.
    Root,
    /// An environment variable.
    Variable(&'static str),
    /// A program that can be started.
    Program(&'static str),
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
