//! `cargo xtask build`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{command::check, setup, workspace::Workspace};

/// Runs the task: the binary's path is all there is on standard output.
pub fn build() -> Result<ExitCode> {
    println!("{}", vtap(&Workspace::find()?)?.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds vtap, after setting up what that needs, and returns its path.
pub fn vtap(workspace: &Workspace) -> Result<PathBuf> {
    setup::ensure_toolchain(workspace)?;
    check(workspace.cargo().args(["build", "--release", "--package", "vtap-user"]))?;
    Ok(workspace.vtap())
}

/// Builds the benchmark's tool, and returns its path.
pub fn bench_tool(workspace: &Workspace) -> Result<PathBuf> {
    setup::ensure_toolchain(workspace)?;
    check(workspace.cargo().args(["build", "--release", "--package", "vtap-tests", "--bins"]))?;
    Ok(workspace.bench_tool())
}
