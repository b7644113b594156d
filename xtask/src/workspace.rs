//! Where things are, and the cargo that runs the tasks.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command::{command, output};

/// The workspace that this task belongs to.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows of `CARGO_TARGET_DIR` and of configuration files.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.context("xtask is not in a workspace")?.to_owned();
        let metadata =
            output(cargo_in(&root).args(["metadata", "--no-deps", "--format-version=1"]))?;
        let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata`")?;
        let target = metadata["target_directory"].as_str();
        let target = target.context("`cargo metadata` names no target directory")?.into();
        Ok(Self { root, target })
    }

    /// The sources.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where setup puts tools that only this workspace uses.
    pub fn tools(&self) -> PathBuf {
        self.target.join("vtap-tools")
    }

    /// The built binary.
    pub fn vtap(&self) -> PathBuf {
        self.target.join("release/vtap")
    }

    /// The benchmark's tool.
    pub fn bench_tool(&self) -> PathBuf {
        self.target.join("release/vtap-bench-tool")
    }

    /// Where the benchmark leaves its results.
    pub fn bench_results(&self) -> PathBuf {
        self.target.join("bench")
    }

    /// The cargo that runs this task, in the workspace.
    pub fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }
}

fn cargo_in(root: &Path) -> Command {
    let mut cargo = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}
