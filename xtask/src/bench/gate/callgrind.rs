//! Instructions per packet of the user side, counted by valgrind.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::{super::subject::Binaries, Figures, Measured};
use crate::command::{command, find, output};

/// The program that counts.
pub const VALGRIND: &str = "valgrind";

/// Packets of the two files: what is the same for both is not per packet.
const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// What vtap does with the packets of a file.
const TASKS: [(&str, &[&str]); 3] = [
    ("counting a packet", &["--no-print"]),
    ("writing a packet", &["-w", "/dev/null"]),
    ("showing a packet", &[]),
];

/// Instructions per packet of each task.
pub fn figures(binaries: &Binaries) -> Measured {
    if find(VALGRIND).is_none() {
        return Ok(Err(format!("{VALGRIND} is not installed: `cargo xtask setup` tries to")));
    }
    let dir = tempfile::tempdir()?;
    let file = |packets: u64| -> Result<_> {
        let path = dir.path().join(format!("{packets}.pcap"));
        let mut tool = command(&binaries.tool);
        output(tool.arg("file").arg(&path).args(["--packets", &packets.to_string()]))?;
        Ok(path)
    };
    let (few, many) = (file(FEW)?, file(MANY)?);
    let mut figures = Figures::new();
    for (name, args) in TASKS {
        let count = |file| instructions(&binaries.vtap, file, args, &dir.path().join("counts"));
        let more = count(&many)?.checked_sub(count(&few)?);
        let more = more.context("more packets took fewer instructions")?;
        figures.insert(name.to_owned(), more / (MANY - FEW));
    }
    Ok(Ok(figures))
}

/// All instructions of one run.
fn instructions(vtap: &Path, file: &Path, args: &[&str], counts: &Path) -> Result<u64> {
    let mut valgrind = command(VALGRIND);
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", counts.display()));
    output(valgrind.arg(vtap).arg("capture").arg("-r").arg(file).args(args))?;
    let counts = fs::read_to_string(counts).context("valgrind left no counts")?;
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok()).unwrap_or(0);
    ensure!(total > 0, "valgrind counted nothing");
    Ok(total)
}
