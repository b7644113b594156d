//! From a capture file to one of inner packets.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};

use super::{
    figure::{Figure, Part},
    measure::Bench,
    subject::MEMORY,
};
use crate::{
    command::{command, find, output},
    report,
};

const SIZE: u64 = 1_000_000_000;
/// What the files take, for each byte of the one that is read; and some to spare.
const SPACE: u64 = 3;

/// Measures vtap and, if it is there, tcpdump.
pub fn measure(bench: &Bench, rounds: usize) -> Result<Vec<Figure>> {
    let size = SIZE.min(available()? / SPACE);
    if size < SIZE {
        report::warning(format_args!("little memory: the file is of {} MB only", size / 1_000_000));
    }
    let dir = tempfile::Builder::new().prefix("vtap-bench-").tempdir_in(MEMORY)?;
    let input = dir.path().join("mirrored.pcap");
    output(
        command(&bench.binaries.tool).arg("file").arg(&input).args(["--bytes", &size.to_string()]),
    )?;
    let mut readers = vec![("vtap -r -w", vtap as Reader)];
    if find("tcpdump").is_some() {
        readers.push(("tcpdump -r -w", tcpdump));
    }
    let mut figures: Vec<_> = readers
        .iter()
        .map(|(name, _)| Figure::new(Part::File, *name, "MB/s", Vec::new()))
        .collect();
    for _ in 0..rounds {
        for ((_, reader), figure) in readers.iter().zip(&mut figures) {
            bench.interrupts.check()?;
            let seconds = timed(bench, *reader, &input, &dir.path().join("inner"))?;
            figure.rounds.push(size as f64 / 1e6 / seconds);
        }
    }
    Ok(figures)
}

type Reader = fn(&Bench) -> Command;

fn vtap(bench: &Bench) -> Command {
    let mut vtap = command(&bench.binaries.vtap);
    vtap.arg("capture");
    vtap
}

/// It has no way to decapsulate, and so writes outer packets.
fn tcpdump(_bench: &Bench) -> Command {
    let mut tcpdump = command("tcpdump");
    tcpdump.args(["-Z", "root"]);
    tcpdump
}

fn timed(bench: &Bench, reader: Reader, input: &Path, to: &Path) -> Result<f64> {
    let begin = Instant::now();
    output(reader(bench).arg("-r").arg(input).arg("-w").arg(to))?;
    let seconds = begin.elapsed().as_secs_f64();
    let written = fs::metadata(to).with_context(|| format!("no {}", to.display()))?.len();
    // Without the tunnel's headers it is somewhat less; a reader that stopped early wrote little.
    let read = fs::metadata(input)?.len();
    ensure!(written > read / 2, "of {read} bytes read, only {written} were written");
    fs::remove_file(to)?;
    Ok(seconds)
}

/// Bytes of memory that files can take.
fn available() -> Result<u64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.context("no MemAvailable in /proc/meminfo")? * 1024)
}
