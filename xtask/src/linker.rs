//! `bpf-linker`, which turns LLVM bitcode into the eBPF object. Its LLVM must be at least as new
//! as the compiler's.

use std::{
    env::consts::ARCH,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

use crate::{
    command::{command, output, patiently},
    report,
    workspace::Workspace,
};

/// The release that vtap is built with.
pub const VERSION: &str = "0.13.0";
/// Major versions of LLVM that it can be built on.
pub const LLVM: RangeInclusive<u32> = 21..=23;
/// The LLVM that its published binaries contain.
pub const PUBLISHED_LLVM: u32 = *LLVM.end();

const DOWNLOAD_LIMIT: Duration = Duration::from_mins(2);

/// Where setup installs it.
pub fn dir(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("bin")
}

/// Whether the one in a folder runs and is of the right version.
pub fn works(dir: &Path) -> bool {
    let version = output(command(dir.join("bpf-linker")).arg("--version"));
    version.is_ok_and(|version| version.trim() == format!("bpf-linker {VERSION}"))
}

/// Where the packages of Debian and of apt.llvm.org install an LLVM to link against.
pub fn llvm_prefix(major: u32) -> Option<PathBuf> {
    let prefix = PathBuf::from(format!("/usr/lib/llvm-{major}"));
    prefix.join("lib/libLLVM.so").exists().then_some(prefix)
}

/// Builds it on an installed LLVM.
pub fn build(workspace: &Workspace, major: u32, llvm: &Path) -> Result<()> {
    report::doing(format_args!(
        "building bpf-linker {VERSION} on LLVM {major}; this takes a minute or two"
    ));
    let mut cargo = workspace.cargo();
    cargo
        .args(["install", &format!("bpf-linker@{VERSION}"), "--locked", "--force"])
        .args(["--no-default-features", "--features", &format!("llvm-{major}")])
        .arg("--root")
        .arg(workspace.tools())
        .env("LLVM_PREFIX", llvm)
        // It would fill the workspace's own target directory, and wait for builds there.
        .env_remove("CARGO_TARGET_DIR");
    patiently(&mut cargo, None).context("cannot build bpf-linker")
}

/// Fetches the binary that its authors publish.
pub fn download(workspace: &Workspace) -> Result<()> {
    let archive = format!("bpf-linker-{ARCH}-unknown-linux-musl.tar.zst");
    let url =
        format!("https://github.com/aya-rs/bpf-linker/releases/download/v{VERSION}/{archive}");
    report::doing(format_args!("fetching {url}"));
    let dir = dir(workspace);
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let file = workspace.tools().join(archive);
    let mut curl = command("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location", "--proto", "=https"])
        .args(["--connect-timeout", "15", "--output"])
        .arg(&file)
        .arg(&url);
    patiently(&mut curl, Some(DOWNLOAD_LIMIT))?;
    let unpacked = output(
        command("tar")
            .args(["--extract", "--zstd", "--file"])
            .arg(&file)
            .arg("--directory")
            .arg(&dir),
    );
    fs::remove_file(&file)?;
    unpacked?;
    anyhow::ensure!(works(&dir), "the fetched bpf-linker does not run");
    Ok(())
}
