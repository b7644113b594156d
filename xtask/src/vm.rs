//! `cargo xtask test --vm`: the integration tests on other kernels, in QEMU.
//!
//! Debian's cloud kernels are the ones that virtual machines run. In a guest the tests run twice:
//! over a veth pair, and over a pair of `virtio_net` interfaces, the driver of most clouds.

mod guest;
mod initramfs;
mod kernel;

use std::{
    ffi::OsString,
    fs,
    num::NonZero,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};

pub use self::kernel::{ALL, Kernel};
use self::{guest::Outcome, initramfs::Initramfs};
use crate::{report, setup, workspace::Workspace};

/// Runs `tests`, an integration test program, on each kernel, and prints a table of what came out.
/// A guest keeps about one CPU busy, so there are as many at once as CPUs.
pub fn test(
    workspace: &Workspace,
    kernels: &[Kernel],
    tests: &Path,
    args: &[OsString],
) -> Result<Vec<String>> {
    setup::ensure_vm_programs()?;
    let repeated = |place: usize| kernels[..place].contains(&kernels[place]);
    if let Some(place) = (0..kernels.len()).find(|place| repeated(*place)) {
        bail!("--vm names {} twice", kernels[place]);
    }
    let mut rows = Vec::new();
    let mut skipped = Vec::new();
    let mut failed = Vec::new();
    let work = |kernel: &Kernel| {
        report::of(format_args!("Linux {kernel}"));
        report::doing("in QEMU");
        let outcomes = on(workspace, kernel, tests, args);
        if let Err(error) = &outcomes {
            report::warning(format_args!("{error:#}"));
        }
        outcomes
    };
    let at_once = thread::available_parallelism().map_or(1, NonZero::get);
    for (kernel, outcomes) in kernels.iter().zip(side_by_side(kernels, at_once, work)) {
        for outcome in outcomes.as_ref().into_iter().flatten() {
            rows.push(outcome.row());
            skipped.extend(outcome.skipped.iter().cloned());
            failed.extend((!outcome.passed()).then(|| outcome.title()));
        }
        if let Err(error) = outcomes {
            failed.push(format!("Linux {kernel}: {error:#}"));
        }
    }
    println!("\n{}\n{}\n", guest::TABLE_HEAD, rows.join("\n"));
    if failed.is_empty() { Ok(skipped) } else { bail!(failed.join("; ")) }
}

/// Does `work` on every item, on some of them at once; what came out is in the items' order.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    at_once: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let left = Mutex::new(items.iter().enumerate());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(|| {
                while let Some((place, item)) = next() {
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((place, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
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

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, time::Duration};

    use super::*;

    #[test]
    fn order_is_kept_side_by_side() {
        // The first two wait for each other, and the first is the last to end.
        let both = Barrier::new(2);
        let done = side_by_side(&[0_u32, 1, 2, 3], 2, |item| {
            if *item < 2 {
                both.wait();
            }
            thread::sleep(Duration::from_millis(if *item == 0 { 200 } else { 1 }));
            item * 10
        });
        assert_eq!(done, [0, 10, 20, 30]);
    }
}
