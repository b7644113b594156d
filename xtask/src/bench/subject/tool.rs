//! What the benchmark's own tool receives.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Ended, FLOOR, SOCKET, STDOUT, Scene, Subject};

/// A task of the tool.
pub struct Tool {
    name: &'static str,
    /// Of the tool, and what `--only` calls it.
    task: &'static str,
    ready: &'static str,
    /// Whether it counts packets; if not, it takes all that arrive.
    counts: bool,
}

impl Tool {
    /// An XDP program that drops every frame unseen: what no capture can be faster than.
    pub fn floor() -> Self {
        Self { name: FLOOR, task: "floor", ready: "dropping on", counts: false }
    }

    /// The other fast path that people know.
    pub fn socket() -> Self {
        Self { name: SOCKET, task: "afxdp", ready: "receiving on", counts: true }
    }
}

impl Subject for Tool {
    fn key(&self) -> &'static str {
        self.task
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn command(&self, scene: &Scene<'_>) -> Command {
        let mut command = scene.command(&scene.binaries.tool);
        command.args([self.task, "-i", &scene.net.dev]);
        command
    }

    fn ready(&self) -> &'static str {
        self.ready
    }

    fn delivered(&self, ended: &Ended<'_>) -> Result<u64> {
        if !self.counts {
            return Ok(ended.arrived);
        }
        let counts: Value = serde_json::from_str(&ended.read(STDOUT)?).context("its counts")?;
        counts["packets"].as_u64().context("it did not count packets")
    }
}
