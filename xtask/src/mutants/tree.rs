//! A copy of the sources, in which mutants are made. The sources themselves stay as they are, even
//! if the task is killed.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use super::mutant::Mutant;
use crate::{
    command::{command, output},
    workspace::Workspace,
};

/// Cargo's profile that builds fastest.
pub const PROFILE: &str = "mutants";

/// What integration tests say of the copy.
pub enum Checked {
    /// All of them pass.
    Passed,
    /// This one fails, or runs for too long.
    Noticed(String),
    /// They say nothing: vtap or the tests do not build.
    Unbuildable,
}

/// The copy.
pub struct Tree {
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// Brings the copy up to date. Files that are the same stay untouched, so that what was built of
    /// them can be used again.
    pub fn copy(workspace: &Workspace) -> Result<Self> {
        let root = workspace.mutants().join("tree");
        let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
        let files = output(command("git").arg("-C").arg(workspace.root()).args(list))?;
        let files: Vec<&Path> = files.lines().map(Path::new).collect();
        remove_others(&root, Path::new(""), &files)?;
        for file in files {
            let from = workspace.root().join(file);
            // It may have been deleted without git's knowing.
            if from.is_file() {
                copy_if_changed(&from, &root.join(file)).context(file.display().to_string())?;
            }
        }
        Ok(Self { root, target: workspace.mutants().join("target") })
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Has a command work here.
    pub fn set_up(&self, command: &mut Command) {
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            // Of the workspace whose task this is.
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("CARGO_MANIFEST_PATH");
    }

    /// Makes a change that is undone when what is returned is dropped.
    pub fn change(&self, mutant: &Mutant) -> Result<Change> {
        let file = self.root.join(&mutant.file);
        let original = fs::read_to_string(&file).with_context(|| mutant.file.clone())?;
        let changed = mutant.apply(&original).context("the mutant is of another version")?;
        let change = Change { file, original };
        fs::write(&change.file, changed)?;
        Ok(change)
    }

    /// Builds vtap and the integration tests, and runs tests until one fails.
    pub fn integration_tests(&self, tests: &[String], limit: Duration) -> Result<Checked> {
        let mut vtap = self.cargo(&["build", "--package", "vtap-user"]);
        let mut harness = self.cargo(&["test", "--no-run", "--package", "vtap-tests"]);
        if !(vtap.status()?.success() && harness.status()?.success()) {
            return Ok(Checked::Unbuildable);
        }
        for test in tests {
            let mut run = self.cargo(&["test", "--package", "vtap-tests", "--", test]);
            run.env("VTAP_BIN", self.target.join(PROFILE).join("vtap"));
            if !ends(&mut run, limit)? {
                return Ok(Checked::Noticed(test.clone()));
            }
        }
        Ok(Checked::Passed)
    }

    fn cargo(&self, args: &[&str]) -> Command {
        let mut cargo = command("cargo");
        self.set_up(&mut cargo);
        cargo.args(&args[..1]).args(["--quiet", "--profile", PROFILE]).args(&args[1..]);
        cargo.stdout(Stdio::null()).stderr(Stdio::null());
        cargo
    }
}

/// Whether a command succeeds in time.
fn ends(command: &mut Command, limit: Duration) -> Result<bool> {
    let begin = Instant::now();
    // What the tests have started ends with them.
    let mut child = command.process_group(0).spawn().context("cannot run the tests")?;
    let group = Pid::from_child(&child);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begin.elapsed() > limit {
            kill_process_group(group, Signal::KILL)?;
            child.wait()?;
            return Ok(false);
        }
        sleep(Duration::from_millis(50));
    }
}

/// A changed file of the copy.
pub struct Change {
    file: PathBuf,
    original: String,
}

impl Drop for Change {
    fn drop(&mut self) {
        // The next copy mends what this can't.
        let _ = fs::write(&self.file, &self.original);
    }
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from)?;
    if fs::read(to).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
    Ok(fs::write(to, text)?)
}

/// Removes the files of `folder` that are not in the list.
fn remove_others(root: &Path, folder: &Path, files: &[&Path]) -> Result<()> {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(root, &path, files)?;
        } else if !files.contains(&path.as_path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_is_listed() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old/a.rs");
        fs::create_dir_all(old.parent().unwrap()).unwrap();
        fs::write(&old, "old").unwrap();
        fs::write(dir.path().join("b.rs"), "b").unwrap();
        remove_others(dir.path(), Path::new(""), &[Path::new("b.rs")]).unwrap();
        assert!(!old.exists() && dir.path().join("b.rs").exists());
        let copy = dir.path().join("new/c.rs");
        copy_if_changed(&dir.path().join("b.rs"), &copy).unwrap();
        assert_eq!(fs::read(&copy).unwrap(), b"b");
        let written = || fs::metadata(&copy).unwrap().modified().unwrap();
        let first = written();
        copy_if_changed(&dir.path().join("b.rs"), &copy).unwrap();
        assert_eq!(written(), first);
    }

    #[test]
    fn patience_with_tests_has_a_limit() {
        let limit = Duration::from_millis(200);
        assert!(!ends(command("sleep").arg("30"), limit).unwrap());
        assert!(!ends(&mut command("false"), limit).unwrap());
        assert!(ends(&mut command("true"), Duration::from_secs(9)).unwrap());
    }
}
