//! `cargo xtask bench`: vtap against tcpdump and others, side by side in one run.
//!
//! ```text
//!  closed loop:   CPU A  generator ─► veth ─► receive, XDP program     CPU B  the capture
//!  open loop:     CPU A  generator ─► veth                             CPU B  receive, and the capture
//! ```
//!
//! The generator is an XDP program that the kernel runs over frames of its own making
//! (`BPF_PROG_TEST_RUN` with live frames), so that sending costs less than any way to receive.
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

mod cpu;
mod figure;
mod file;
mod footprint;
mod gate;
mod generator;
mod measure;
mod micro;
mod plan;
mod report;
mod subject;
mod topology;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail, ensure};
use clap::Args;
use rustix::process::geteuid;

use self::{
    cpu::{Cores, Priority},
    figure::Part,
    generator::Size,
    measure::{Bench, Sample},
    plan::Series,
    report::Results,
    subject::{Binaries, Subject},
};
use crate::{build, interrupts::Interrupts, report as progress, workspace::Workspace};

/// Options of `cargo xtask bench`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchOptions {
    /// Only the most important figures, in less than two minutes
    #[arg(long)]
    quick: bool,

    /// Only compare the instructions per packet with the budget in the sources
    #[arg(long, exclusive = true)]
    gate: bool,

    /// Set that budget to what is counted now
    #[arg(long, exclusive = true)]
    update_budget: bool,

    /// Where to draw the plots, instead of the target directory
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,

    /// Only these parts
    #[arg(long, value_delimiter = ',', value_enum, value_name = "PART")]
    part: Vec<Part>,

    /// Only these subjects: floor, vtap, vtap-write, vtap-filtered, vtap-10-rules, vtap-64-rules,
    /// vtap-ring-1M, vtap-ring-64M, afxdp, tcpdump, tcpdump-write, tcpdump-tuned, vxlan, dumpcap,
    /// xdpdump
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    only: Vec<String>,

    /// Only inner frames of these sizes, in bytes, or `imix`
    #[arg(long, value_delimiter = ',', value_name = "BYTES")]
    size: Vec<Size>,

    /// How often everything is measured
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,

    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
}

const EXAMPLES: &str = "\
Everything happens in network namespaces of this machine, which are removed at the end; it needs
root, and a machine that does nothing else.

Examples:
  cargo xtask bench                    everything, in about ten minutes
  cargo xtask bench --quick
  cargo xtask bench --gate             whether a packet costs more instructions than before
  cargo xtask bench --part micro
  cargo xtask bench --only floor,vtap,tcpdump --size 114 --rounds 3";

/// Runs the task.
pub fn bench(options: &BenchOptions) -> Result<ExitCode> {
    ensure!(
        geteuid().is_root(),
        "the benchmark needs network namespaces and BPF: run this as root"
    );
    let keys: Vec<_> = subject::all().iter().map(|subject| subject.key().to_owned()).collect();
    if let Some(unknown) = options.only.iter().find(|key| !keys.contains(key)) {
        bail!("there is no subject `{unknown}`; there are {}", keys.join(", "));
    }
    let workspace = Workspace::find()?;
    if options.gate || options.update_budget {
        gate(&workspace, options.update_budget)?;
        return Ok(ExitCode::SUCCESS);
    }
    let binaries = binaries(&workspace)?;
    let bench = Bench { binaries, cores: Cores::choose()?, interrupts: Interrupts::watch()? };
    topology::remove_stale();
    let _priority = Priority::raise();
    if plan::plan(options).is_empty() {
        bail!("nothing to measure: there is no such subject with frames of that size");
    }
    let mut results = Results::new(bench.cores);
    for part in Part::ALL.into_iter().filter(|part| options.includes(*part)) {
        bench.part(part, options, &mut results)?;
    }
    println!("{}", results.tables());
    let dir = workspace.bench_results();
    let file = results.write(&dir)?;
    progress::found(format_args!("all rounds are in {}", file.display()));
    for plot in results.plots(options.plots.as_deref().unwrap_or(&dir))? {
        progress::found(format_args!("drawn: {}", plot.display()));
    }
    match results.failures() {
        0 => Ok(ExitCode::SUCCESS),
        count => bail!("{count} measurements of vtap failed"),
    }
}

fn binaries(workspace: &Workspace) -> Result<Binaries> {
    Ok(Binaries { vtap: build::vtap(workspace)?, tool: build::bench_tool(workspace)? })
}

/// Whether the work per packet has grown; or sets the budget for that.
pub fn gate(workspace: &Workspace, update: bool) -> Result<()> {
    ensure!(geteuid().is_root(), "loading the XDP program needs root: run this as root");
    gate::run(workspace, &binaries(workspace)?, update)
}

impl BenchOptions {
    /// Whether a part is to be measured: who names subjects or sizes means rates of packets.
    fn includes(&self, part: Part) -> bool {
        let rates = matches!(part, Part::Closed | Part::Open);
        let named = self.only.is_empty() && self.size.is_empty() || rates;
        if self.part.is_empty() { named } else { self.part.contains(&part) }
    }
}

impl Bench {
    fn part(&self, part: Part, options: &BenchOptions, results: &mut Results) -> Result<()> {
        let rounds = options.rounds.unwrap_or(if options.quick { 1 } else { 3 });
        match part {
            Part::Closed | Part::Open => {
                for series in plan::plan(options).into_iter().filter(|s| s.setting.part() == part) {
                    self.run(series, results)?;
                }
            }
            Part::Micro => {
                progress::doing("the XDP program alone");
                results.add_figures(micro::measure(self, rounds)?);
            }
            Part::File => {
                progress::doing("reading and writing a capture file");
                results.add_figures(file::measure(self, rounds)?);
            }
            Part::Footprint => {
                progress::doing("start, memory, and CPU without packets");
                for subject in subject::footprint().iter().filter(|s| s.missing().is_none()) {
                    results.add_figures(footprint::measure(self, subject.as_ref(), rounds)?);
                }
            }
        }
        Ok(())
    }

    /// Measures a series. What fails of the others is told once and left out from there on.
    fn run(&self, mut series: Series, results: &mut Results) -> Result<()> {
        series.subjects.retain(|subject| {
            let missing = subject.missing();
            if let Some(reason) = &missing {
                results.missing(subject.name(), None, reason);
            }
            missing.is_none()
        });
        for round in 0..series.rounds {
            for load in &series.loads {
                progress::doing(describe(&series, load, round));
                for subject in &series.subjects {
                    let subject = subject.as_ref();
                    if results.is_missing(subject.name(), load.size) {
                        continue;
                    }
                    let result = self.measure(subject, series.setting, *load, round);
                    self.interrupts.check()?;
                    note(results, subject, load.size, result);
                }
            }
        }
        Ok(())
    }
}

fn note(results: &mut Results, subject: &dyn Subject, size: Size, result: Result<Sample>) {
    match result {
        Ok(sample) => {
            progress::detail(format_args!(
                "{:24} {:6.3} Mpps, {:5.1} % of {:6.3}",
                sample.subject,
                sample.mpps,
                100.0 * sample.share(),
                sample.offered_mpps
            ));
            results.add(sample);
        }
        Err(error) if subject.is_ours() => {
            progress::warning(format_args!("{} failed: {error:#}", subject.name()));
            results.failed(subject.name(), format!("{error:#}"));
        }
        Err(error) => results.missing(subject.name(), Some(size), &format!("{error:#}")),
    }
}

fn describe(series: &Series, load: &generator::Load, round: usize) -> String {
    let rate = load
        .rate
        .map_or_else(String::new, |rate| format!(", {} Mpps offered", f64::from(rate) / 1e6));
    format!(
        "{:?} loop, {} bytes, flows: {}{rate}; round {} of {}",
        series.setting,
        load.size,
        load.flows,
        round + 1,
        series.rounds
    )
}
