//! All rounds, in one file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Results;
use crate::command::{command_line, output};

impl Results {
    /// Writes `bench.json` into a directory and returns its path.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        let file = dir.join("bench.json");
        let text = serde_json::to_string_pretty(&self.json())?;
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(&file, text + "\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    fn json(&self) -> Value {
        let missing = self.missing.iter().map(|missing| {
            json!({"subject": missing.subject, "size": missing.size, "reason": missing.reason})
        });
        let failures = self.failures.iter();
        let failures =
            failures.map(|(subject, reason)| json!({"subject": subject, "reason": reason}));
        json!({
            "version": 1,
            "machine": machine(),
            "cores": self.cores,
            "samples": self.samples,
            "figures": self.figures,
            "missing": missing.collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

fn machine() -> Value {
    let ask = |words| output(&mut command_line(words)).unwrap_or_default().trim().to_owned();
    json!({
        "cpu": cpu_model(),
        "cpus": std::thread::available_parallelism().map_or(0, usize::from),
        "kernel": ask("uname -srm"),
        "date": ask("date --utc --iso-8601=seconds"),
        "tcpdump": output(command_line("tcpdump --version").stdin(std::process::Stdio::null())).unwrap_or_default().lines().next(),
        "commit": ask("git rev-parse HEAD"),
    })
}

/// Such as `AMD EPYC`; other architectures than x86 do not tell.
fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map(|(_, model)| model.trim().to_owned())
}
