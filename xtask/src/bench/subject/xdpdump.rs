//! The capture program of xdp-tools.

use std::process::Command;

use anyhow::Result;

use super::{Ended, Scene, Subject};

/// xdpdump, which loads a dispatcher of its own where the interface has no program.
pub struct Xdpdump;

impl Subject for Xdpdump {
    fn key(&self) -> &'static str {
        "xdpdump"
    }

    fn name(&self) -> &'static str {
        "xdpdump"
    }

    fn program(&self) -> Option<&'static str> {
        Some("xdpdump")
    }

    fn command(&self, scene: &Scene<'_>) -> Command {
        let mut command = scene.command("xdpdump");
        command.args(["-i", &scene.net.dev, "--load-xdp-program", "-w", "/dev/null"]);
        command
    }

    fn ready(&self) -> &'static str {
        "listening on"
    }

    fn delivered(&self, ended: &Ended<'_>) -> Result<u64> {
        ended.number_before("packets captured")
    }
}
