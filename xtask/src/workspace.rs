//! Where things are, and the cargo that runs the tasks.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::command::{command, output};

/// What a clone has in its root.
const MANIFEST: &str = "xtask/Cargo.toml";

/// The workspace that this task belongs to.
pub struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows of `CARGO_TARGET_DIR` and of configuration files.
    pub fn find() -> Result<Self> {
        let root = root()?;
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

    /// Where kernels for tests are kept.
    pub fn vm(&self) -> PathBuf {
        self.target.join("vtap-vm")
    }

    /// The fuzz targets' folder.
    pub fn fuzz(&self) -> PathBuf {
        self.root.join("vtap-common/fuzz")
    }

    /// Where they are built, and what they find is kept.
    pub fn fuzz_target(&self) -> PathBuf {
        self.target.join("vtap-fuzz")
    }

    /// Where mutants are made and built.
    pub fn mutants(&self) -> PathBuf {
        self.target.join("vtap-mutants")
    }

    /// The built binary.
    pub fn vtap(&self) -> PathBuf {
        self.target.join("release/vtap")
    }

    /// Builds the program of an integration test, and returns its path.
    pub fn test_program(&self, package: &str, test: &str) -> Result<PathBuf> {
        let mut cargo = self.cargo();
        cargo.args(["test", "--no-run", "--package", package, "--test", test]);
        let messages = output(cargo.arg("--message-format=json"))?;
        let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
        let mut programs = messages.filter_map(|message: Value| {
            (message["target"]["name"] == test)
                .then(|| message["executable"].as_str())?
                .map(PathBuf::from)
        });
        programs.next().with_context(|| format!("cargo built no program of the test {test}"))
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

/// Where this was built is no answer: target directories are copied. Cargo says where the package
/// is that it runs; without cargo, the current directory tells.
fn root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let mut starts = package.into_iter().chain(env::current_dir());
    let root = starts.find_map(|start| root_above(&start));
    root.context("this is not in vtap's sources: run it in a clone of them")
}

/// The nearest folder from `start` upwards that this package is in.
fn root_above(start: &Path) -> Option<PathBuf> {
    let root = start.ancestors().find(|dir| dir.join(MANIFEST).is_file());
    root.map(Path::to_owned)
}

fn cargo_in(root: &Path) -> Command {
    let mut cargo = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_from_below() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("clone");
        let sources = root.join("xtask/src");
        std::fs::create_dir_all(&sources).unwrap();
        assert_eq!(root_above(&sources), None);
        std::fs::write(root.join(MANIFEST), "").unwrap();
        for start in [&root, &sources] {
            assert_eq!(root_above(start), Some(root.clone()));
        }
        assert_eq!(root_above(dir.path()), None);
    }
}
