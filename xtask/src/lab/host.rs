//! The lab's hosts, each a network namespace.

use std::{ffi::OsStr, path::Path, process::Command};

use clap::ValueEnum;

use crate::command::{command, command_line};

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Host {
    /// Sends.
    #[value(alias = "vtap-client")]
    Client,
    /// Routes, and mirrors what goes to the server.
    #[value(alias = "vtap-fabric")]
    Fabric,
    /// Answers; the one whose traffic is of interest.
    #[value(alias = "vtap-server")]
    Server,
    /// Gets the mirrored packets.
    #[value(alias = "vtap-target")]
    Target,
}

impl Host {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Client, Self::Fabric, Self::Server, Self::Target];

    /// Its name for `ip netns`.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Client => "vtap-client",
            Self::Fabric => "vtap-fabric",
            Self::Server => "vtap-server",
            Self::Target => "vtap-target",
        }
    }

    /// Whether it is there.
    pub fn exists(self) -> bool {
        Path::new("/run/netns").join(self.namespace()).exists()
    }

    /// A command on it.
    pub fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command("ip");
        command.args(["netns", "exec", self.namespace()]).arg(program);
        command
    }

    /// An `ip` command about it.
    pub fn ip(self, words: &str) -> Command {
        command_line(&format!("ip -netns {} {words}", self.namespace()))
    }
}
