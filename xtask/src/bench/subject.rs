//! What is measured: vtap, and what it is compared with. One file per kind.

mod dumpcap;
mod tcpdump;
mod tool;
mod vtap;
mod xdpdump;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{cpu::Cores, topology::Net};
use crate::command::find;

/// Where a subject runs.
pub struct Scene<'a> {
    pub net: &'a Net,
    pub cores: Cores,
    pub binaries: &'a Binaries,
    /// In memory, and empty: the subject's files, its standard output and standard error.
    pub dir: &'a Path,
}

/// What was built for the benchmark.
pub struct Binaries {
    pub vtap: PathBuf,
    pub tool: PathBuf,
}

impl Scene<'_> {
    /// A command in the target's namespace, on the core for captures.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.net.target.pinned(self.cores.capture, program);
        command.current_dir(self.dir);
        command
    }
}

/// What a subject left behind.
pub struct Ended<'a> {
    pub dir: &'a Path,
    /// Frames that reached the target's interface.
    pub arrived: u64,
}

/// A subject's standard error, in its directory.
pub const STDERR: &str = "stderr";
/// A subject's standard output.
pub const STDOUT: &str = "stdout";

impl Ended<'_> {
    fn read(&self, name: &str) -> Result<String> {
        let text = fs::read(self.dir.join(name)).with_context(|| format!("cannot read {name}"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The number at the start of the line, or part of one, that ends in `words`.
    fn number_before(&self, words: &str) -> Result<u64> {
        let said = self.read(STDERR)?;
        let before = said.lines().find_map(|line| line.trim().strip_suffix(words));
        let number = before.and_then(|before| before.trim().parse().ok());
        number.with_context(|| format!("it did not say how many {words}: {said}"))
    }
}

/// One way to take frames from an interface.
pub trait Subject {
    /// What `--only` calls it.
    fn key(&self) -> &str;

    /// What tables call it.
    fn name(&self) -> &str;

    /// The program to be found, if not built here.
    fn program(&self) -> Option<&'static str> {
        None
    }

    /// Readies the target for it.
    fn prepare(&self, _scene: &Scene<'_>) -> Result<()> {
        Ok(())
    }

    /// The command to run until it is interrupted.
    fn command(&self, scene: &Scene<'_>) -> Command;

    /// What it says on standard error once it captures.
    fn ready(&self) -> &'static str;

    /// How many packets it delivered, after its accounts were checked.
    fn delivered(&self, ended: &Ended<'_>) -> Result<u64>;

    /// Whether it is what this project is about: then a failure is one of the benchmark's.
    fn is_ours(&self) -> bool {
        false
    }

    /// Why it can't be run here.
    fn missing(&self) -> Option<String> {
        self.program().and_then(not_installed)
    }
}

fn not_installed(program: &str) -> Option<String> {
    let missing = find(program).is_none();
    missing.then(|| format!("`{program}` is not installed: `cargo xtask setup --bench` tries to"))
}

/// Where files are in memory.
pub const MEMORY: &str = "/dev/shm";

pub const FLOOR: &str = "XDP_DROP floor";
pub const VTAP: &str = "vtap";
pub const VTAP_WRITE: &str = "vtap -w";
pub const VTAP_64_RULES: &str = "vtap, 64 rules";
pub const VTAP_FILTERED: &str = "vtap, all filtered out";
pub const SOCKET: &str = "AF_XDP, copy mode";
pub const TCPDUMP: &str = "tcpdump";
pub const TCPDUMP_WRITE: &str = "tcpdump -w";
pub const TCPDUMP_TUNED: &str = "tcpdump, tuned";

/// All subjects, in the order of the tables. What is compared with each other is measured one after
/// the other, as machines that others share are of another speed some seconds later.
pub fn all() -> Vec<Box<dyn Subject>> {
    let mut all: Vec<Box<dyn Subject>> = vec![
        Box::new(vtap::Vtap::filtered()),
        Box::new(tool::Tool::floor()),
        Box::new(vtap::Vtap::count()),
        Box::new(vtap::Vtap::rules(64)),
        Box::new(vtap::Vtap::rules(10)),
        Box::new(vtap::Vtap::ring("1M")),
        Box::new(vtap::Vtap::ring("64M")),
        Box::new(vtap::Vtap::write()),
    ];
    all.extend(others());
    all.push(Box::new(tcpdump::Tcpdump::vxlan()));
    all.push(Box::new(dumpcap::Dumpcap));
    all.push(Box::new(xdpdump::Xdpdump));
    all
}

/// Those that are measured with every size, and at every rate.
pub fn main() -> Vec<Box<dyn Subject>> {
    let mut main: Vec<Box<dyn Subject>> = vec![
        Box::new(tool::Tool::floor()),
        Box::new(vtap::Vtap::count()),
        Box::new(vtap::Vtap::write()),
    ];
    main.extend(others());
    main
}

/// Those of others that people would use instead.
fn others() -> [Box<dyn Subject>; 4] {
    [
        Box::new(tool::Tool::socket()),
        Box::new(tcpdump::Tcpdump::stock()),
        Box::new(tcpdump::Tcpdump::write()),
        Box::new(tcpdump::Tcpdump::tuned()),
    ]
}

/// Those whose start, memory and idle CPU time are measured.
pub fn footprint() -> Vec<Box<dyn Subject>> {
    vec![Box::new(vtap::Vtap::count()), Box::new(tcpdump::Tcpdump::stock())]
}
