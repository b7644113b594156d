//! What a capture takes before and between packets.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    cpu::cpu_time,
    figure::{Figure, Part},
    measure::{Bench, PATIENCE},
    subject::{MEMORY, Scene, Subject},
    topology::Net,
};
use crate::command::Running;

/// How long to look at a capture without packets.
const IDLE: Duration = Duration::from_secs(2);

/// Measures a subject's start, memory and idle CPU time.
pub fn measure(bench: &Bench, subject: &dyn Subject, rounds: usize) -> Result<Vec<Figure>> {
    let (mut start, mut memory, mut rings, mut idle) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds {
        bench.interrupts.check()?;
        let dir = tempfile::Builder::new().prefix("vtap-bench-").tempdir_in(MEMORY)?;
        let net = Net::make(1500)?;
        let scene =
            Scene { net: &net, cores: bench.cores, binaries: &bench.binaries, dir: dir.path() };
        subject.prepare(&scene)?;
        let begin = Instant::now();
        let mut running = started(subject, &scene)?;
        start.push(begin.elapsed().as_secs_f64() * 1e3);
        let before = cpu_time(running.id())?;
        sleep(IDLE);
        idle.push((cpu_time(running.id())? - before) / IDLE.as_secs_f64() * 100.0);
        let resident = Resident::of(running.id())?;
        memory.push(resident.other as f64 / f64::from(1 << 20));
        rings.push(resident.rings as f64 / f64::from(1 << 20));
        running.finish(PATIENCE)?;
    }
    let figure = |name: &str, unit, rounds| {
        Figure::new(Part::Footprint, format!("{}: {name}", subject.name()), unit, rounds)
    };
    Ok(vec![
        figure("start to attached", "ms", start),
        figure("memory besides rings", "MiB", memory),
        figure("rings", "MiB", rings),
        figure("CPU without packets", "% of a core", idle),
    ])
}

/// Starts it and waits for what it says, without the delay of looking now and then.
fn started(subject: &dyn Subject, scene: &Scene<'_>) -> Result<Running> {
    let mut command = subject.command(scene);
    let (reader, writer) = std::io::pipe()?;
    let running = Running::start(command.stdout(Stdio::null()).stderr(writer))?;
    drop(command);
    for line in BufReader::new(reader).lines() {
        if line?.contains(subject.ready()) {
            return Ok(running);
        }
    }
    bail!("{} did not start", subject.name())
}

/// Bytes of a process in memory.
struct Resident {
    /// Shared with the kernel.
    rings: u64,
    other: u64,
}

enum Kind {
    /// Its data is mapped twice in a row, but exists once.
    BpfRing,
    SocketRing,
    Other,
}

impl Kind {
    /// Of the mapping that a line of smaps begins to describe.
    fn of(line: &str) -> Self {
        if line.ends_with("anon_inode:bpf-map") {
            Self::BpfRing
        } else if line.contains("socket:[") {
            Self::SocketRing
        } else {
            Self::Other
        }
    }
}

impl Resident {
    fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps");
        let maps = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let mut resident = Self { rings: 0, other: 0 };
        let mut kind = Kind::Other;
        for line in maps.lines() {
            if let Some(size) = line.strip_prefix("Rss:") {
                let kibibytes = size.trim().trim_end_matches(" kB").parse::<u64>();
                let bytes = kibibytes.context("a size in smaps")? * 1024;
                match kind {
                    Kind::BpfRing => resident.rings += bytes / 2,
                    Kind::SocketRing => resident.rings += bytes,
                    Kind::Other => resident.other += bytes,
                }
            } else if !line.split_whitespace().next().is_some_and(|word| word.ends_with(':')) {
                kind = Kind::of(line);
            }
        }
        Ok(resident)
    }
}
