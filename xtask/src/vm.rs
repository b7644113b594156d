//! `cargo xtask test --vm`: the integration tests on other kernels, in QEMU.
//!
//! Debian's cloud kernels are the ones that virtual machines run. In a guest the tests run twice:
//! over a veth pair, and over a pair of `virtio_net` interfaces, the driver of most clouds.

mod guest;
mod initramfs;
mod kernel;

use std::{ffi::OsString, fs, path::Path};

use anyhow::{Context as _, Result, bail};

pub use self::kernel::{ALL, Kernel};
use self::{guest::Outcome, initramfs::Initramfs};
use crate::{report, setup, workspace::Workspace};

/// Runs `tests`, an integration test program, on each kernel, and prints a table of what came out.
pub fn test(
    workspace: &Workspace,
    kernels: &[Kernel],
    tests: &Path,
    args: &[OsString],
) -> Result<Vec<String>> {
    setup::ensure_vm_programs()?;
    let mut rows = Vec::new();
    let mut skipped = Vec::new();
    let mut failed = Vec::new();
    for kernel in kernels {
        report::doing(format_args!("Linux {kernel} in QEMU"));
        let outcomes = on(workspace, kernel, tests, args);
        for outcome in outcomes.as_ref().into_iter().flatten() {
            rows.push(outcome.row());
            skipped.extend(outcome.skipped.iter().cloned());
            failed.extend((!outcome.passed()).then(|| outcome.title()));
        }
        if let Err(error) = outcomes {
            report::warning(format_args!("Linux {kernel}: {error:#}"));
            failed.push(format!("Linux {kernel}: {error:#}"));
        }
    }
    println!("\n{}\n{}\n", guest::TABLE_HEAD, rows.join("\n"));
    if failed.is_empty() { Ok(skipped) } else { bail!(failed.join("; ")) }
}

fn on(
    workspace: &Workspace,
    kernel: &Kernel,
    tests: &Path,
    args: &[OsString],
) -> Result<Vec<Outcome>> {
    let dir = workspace.vm().join(kernel.to_string());
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let kernel = kernel.fetch(&dir)?;
    let mut initramfs = Initramfs::new(dir.join("initramfs"))?;
    initramfs.add_modules(&kernel)?;
    initramfs.add_program(&workspace.vtap(), "tests/vtap")?;
    initramfs.add_program(tests, "tests/integration")?;
    initramfs.add_text("tests/arguments", &arguments(args)?)?;
    let archive = initramfs.pack()?;
    guest::run(&kernel, &archive, &dir)
}

/// For the guest's shell, one per line.
fn arguments(args: &[OsString]) -> Result<String> {
    let text = args.iter().map(|arg| arg.to_str().map(|arg| format!("{arg}\n")));
    text.collect::<Option<String>>().context("an argument is not text")
}
