//! Wireshark's capture program.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Ended, STDERR, Scene, Subject};

/// dumpcap, writing to nowhere.
pub struct Dumpcap;

impl Subject for Dumpcap {
    fn key(&self) -> &'static str {
        "dumpcap"
    }

    fn name(&self) -> &'static str {
        "dumpcap"
    }

    fn program(&self) -> Option<&'static str> {
        Some("dumpcap")
    }

    fn command(&self, scene: &Scene<'_>) -> Command {
        let mut command = scene.command("dumpcap");
        command.args(["-q", "-i", &scene.net.dev, "-w", "/dev/null"]);
        command
    }

    fn ready(&self) -> &'static str {
        "Capturing on"
    }

    /// From `Packets received/dropped on interface 'x': 12/3 (…)`.
    fn delivered(&self, ended: &Ended<'_>) -> Result<u64> {
        let said = ended.read(STDERR)?;
        let counts = said.lines().find_map(|line| {
            let counts = line.strip_prefix("Packets received/dropped on interface")?;
            counts.split("': ").nth(1)?.split('/').next()
        });
        let received = counts.and_then(|received| received.trim().parse().ok());
        received.with_context(|| format!("it did not say how many packets it received: {said}"))
    }
}
