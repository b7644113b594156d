//! Which core does what, and how much of it is used.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::command::{command, output};

/// The two cores of a measurement.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Cores {
    /// Sends; in the closed loop its softirq receives, too.
    pub generator: usize,
    /// Captures; in the open loop it receives as well.
    pub capture: usize,
}

impl Cores {
    /// The first CPU, and the first that does not share its core.
    pub fn choose() -> Result<Self> {
        let online = cpu_list(&read("/sys/devices/system/cpu/online")?);
        let generator = *online.first().context("no CPU is online")?;
        let siblings = cpu_list(&read(&format!(
            "/sys/devices/system/cpu/cpu{generator}/topology/thread_siblings_list"
        ))?);
        let others = || online.iter().copied().filter(|cpu| *cpu != generator);
        let capture = others().find(|cpu| !siblings.contains(cpu)).or_else(|| others().next());
        let capture = capture.context("the benchmark needs two CPUs; this machine has one")?;
        Ok(Self { generator, capture })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

/// Numbers of a list such as `0-2,5`.
fn cpu_list(text: &str) -> Vec<usize> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<usize>().ok()?..=last.parse().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// Until dropped, whatever this session runs comes before what other sessions do: where the kernel
/// groups processes by session (`sched_autogroup_enabled`), niceness counts only within a group.
pub struct Priority {
    before: Option<String>,
}

const AUTOGROUP: &str = "/proc/self/autogroup";

impl Priority {
    /// Raises it, if it can be.
    pub fn raise() -> Self {
        // Such as `/autogroup-18 nice 0`.
        let group = fs::read_to_string(AUTOGROUP).unwrap_or_default();
        let before = group.split_whitespace().last().map(str::to_owned);
        let raised = fs::write(AUTOGROUP, "-20").is_ok();
        Self { before: before.filter(|_| raised) }
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = fs::write(AUTOGROUP, before);
        }
    }
}

/// The kernel thread that polls an interface with threaded NAPI.
pub struct NapiThread {
    pid: u32,
}

impl NapiThread {
    /// Finds it, and lets it run on one CPU, before any user process there: as a softirq would.
    pub fn place(dev: &str, cpu: usize) -> Result<Self> {
        let prefix = format!("napi/{dev}-");
        let processes = fs::read_dir("/proc")?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let pid: u32 = pids
            .find(|pid| {
                let name = fs::read_to_string(format!("/proc/{pid}/comm"));
                name.is_ok_and(|name| name.starts_with(&prefix))
            })
            .with_context(|| format!("no thread polls {dev}: this kernel lacks threaded NAPI"))?;
        let pid_text = pid.to_string();
        output(command("taskset").args(["--cpu-list", "--pid", &cpu.to_string(), &pid_text]))?;
        output(command("chrt").args(["--fifo", "--pid", "1", &pid_text]))?;
        Ok(Self { pid })
    }

    /// Seconds of CPU time so far.
    pub fn cpu_time(&self) -> Result<f64> {
        cpu_time(self.pid)
    }
}

/// Seconds of CPU time that a process with all its threads has had.
pub fn cpu_time(pid: u32) -> Result<f64> {
    let tasks = Path::new("/proc").join(pid.to_string()).join("task");
    let mut nanoseconds = 0_u64;
    for task in fs::read_dir(&tasks).with_context(|| format!("process {pid} has ended"))?.flatten()
    {
        // The first number is the time on the CPU (Documentation/scheduler/sched-stats.rst). A
        // thread may end between the listing and this.
        let schedstat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let time = schedstat.split_whitespace().next();
        nanoseconds += time.and_then(|time| time.parse::<u64>().ok()).unwrap_or_default();
    }
    ensure!(nanoseconds > 0, "the kernel keeps no CPU time (/proc/PID/schedstat)");
    Ok(nanoseconds as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_read() {
        assert_eq!(cpu_list("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(cpu_list("3"), [3]);
        assert_eq!(cpu_list("\n"), [0; 0]);
    }
}
