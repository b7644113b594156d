//! `cargo xtask test`: every check in turn, and at the end what was skipped and why.

use std::{
    env,
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use rustix::process::geteuid;

use crate::{
    bench, build,
    command::{check, output},
    fuzz, report, setup, vm,
    workspace::Workspace,
};

/// Options of `cargo xtask test`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct TestOptions {
    /// Replay every capture file of DIR through the kernel and through `-r`, and compare what comes
    /// out with what tshark says the inner frames are
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,

    /// Run the integration tests on these kernels too, in QEMU, as many at once as there are CPUs;
    /// without a list, on all: 5.10,6.1,6.12,7.2
    #[arg(long, value_name = "KERNELS", num_args = 0..=1, value_delimiter = ',',
          default_missing_value = vm::ALL, required_if_eq("only", "vm"))]
    vm: Option<Vec<vm::Kernel>>,

    /// Compare the kernel with user space on N random frames; without it, on as many as take some
    /// seconds
    #[arg(long, value_name = "N")]
    frames: Option<u64>,

    /// The random frames of an earlier run again; every run says its seed
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Fuzz the parser for so many seconds, guided by coverage
    #[arg(long, value_name = "SECONDS", required_if_eq("only", "fuzz"))]
    fuzz: Option<u64>,

    /// Only one part of the tests
    #[arg(long, value_name = "PART")]
    only: Option<Part>,

    /// What to pass to the integration tests: parts of their names, with commas in between, or
    /// options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// What `--only` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Integration tests on this machine
    Integration,
    /// The same on other kernels, as `--vm` says
    Vm,
    /// As `--fuzz` says
    Fuzz,
}

const EXAMPLES: &str = "\
The integration tests make network namespaces, and are skipped without root. Formatting, lints, unit
tests and instructions per packet are only checked without --only.

Examples:
  cargo xtask test
  cargo xtask test delivery            of the integration tests, only those named like this
  cargo xtask test --corpus ~/captures corpus
  cargo xtask test --only integration --frames 10000000 differential
  cargo xtask test --only fuzz --fuzz 600
  cargo xtask test --vm                on other kernels as well
  cargo xtask test --only vm --vm 5.10,6.12 verdict,selection
  cargo xtask test --only integration -- --list";

/// Runs the task.
pub fn test(options: &TestOptions) -> Result<ExitCode> {
    setup::ensure_everything()?;
    let workspace = Workspace::find()?;
    let mut run = Run::default();
    let wanted = |part| options.only.is_none_or(|only| only == part);
    if options.only.is_none() {
        run.step("formatting", |_| formatting(&workspace));
        run.step("lints", |_| lints(&workspace));
        run.step("unit tests", |_| unit_tests(&workspace));
    }
    if let Some(seconds) = options.fuzz.filter(|_| wanted(Part::Fuzz)) {
        run.step("fuzzing", |_| fuzzing(&workspace, seconds));
    }
    run.step("build", |_| build::vtap(&workspace).map(|_| Ended::Passed));
    if options.only.is_none() {
        run.step("instructions", |_| instructions(&workspace));
    }
    if wanted(Part::Integration) {
        run.step("integration tests", |run| integration_tests(&workspace, options, run));
    }
    if let Some(kernels) = options.vm.as_ref().filter(|_| wanted(Part::Vm)) {
        run.step("other kernels", |run| other_kernels(&workspace, kernels, options, run));
    }
    run.summarize()
}

enum Ended {
    Passed,
    Skipped(String),
}

/// What happened so far.
#[derive(Default)]
struct Run {
    steps: Vec<(&'static str, Result<Ended>, Duration)>,
    /// Single tests, with their reasons.
    skipped: Vec<String>,
}

impl Run {
    fn step(&mut self, name: &'static str, work: impl FnOnce(&mut Self) -> Result<Ended>) {
        report::doing(name);
        let begin = Instant::now();
        let result = work(self);
        if let Err(error) = &result {
            report::warning(format_args!("{name} failed: {error:#}"));
        }
        self.steps.push((name, result, begin.elapsed()));
    }

    fn failed(&self) -> Vec<&'static str> {
        let failed = self.steps.iter().filter(|(_, result, _)| result.is_err());
        failed.map(|(name, ..)| *name).collect()
    }

    fn summarize(self) -> Result<ExitCode> {
        println!("\nsummary:");
        for (name, result, took) in &self.steps {
            let result = match result {
                Ok(Ended::Passed) => "passed".to_owned(),
                Ok(Ended::Skipped(reason)) => format!("skipped: {reason}"),
                Err(error) => format!("FAILED: {error:#}"),
            };
            println!("  {name:18} {:6.1} s  {result}", took.as_secs_f32());
        }
        for skipped in &self.skipped {
            println!("  skipped: {skipped}");
        }
        match self.failed().as_slice() {
            [] => Ok(ExitCode::SUCCESS),
            failed => bail!("these failed: {}", failed.join(", ")),
        }
    }
}

fn formatting(workspace: &Workspace) -> Result<Ended> {
    let formatting = ["fmt", "--all", "--check"];
    with_component(workspace, "rustfmt", workspace.cargo().args(formatting))
}

fn lints(workspace: &Workspace) -> Result<Ended> {
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    with_component(workspace, "clippy", workspace.cargo().args(lints))
}

/// Runs what a minimal Rust toolchain lacks.
fn with_component(workspace: &Workspace, component: &str, work: &mut Command) -> Result<Ended> {
    let subcommand = component.trim_start_matches("rust");
    if output(workspace.cargo().args([subcommand, "--version"])).is_err() {
        let remedy = format!("`rustup component add {component}`");
        return Ok(Ended::Skipped(format!("{component} is not installed ({remedy})")));
    }
    check(work).map(|()| Ended::Passed)
}

fn unit_tests(workspace: &Workspace) -> Result<Ended> {
    check(workspace.cargo().args([
        "test",
        "--workspace",
        "--exclude",
        "vtap-tests",
        "--no-fail-fast",
    ]))?;
    Ok(Ended::Passed)
}

fn fuzzing(workspace: &Workspace, seconds: u64) -> Result<Ended> {
    if !fuzz::possible() {
        return Ok(Ended::Skipped(fuzz::NO_COMPILER.into()));
    }
    fuzz::fuzz(workspace, seconds).map(|()| Ended::Passed)
}

/// Per packet, against the budget in the sources.
fn instructions(workspace: &Workspace) -> Result<Ended> {
    if !geteuid().is_root() {
        return Ok(Ended::Skipped("needs root, to load the XDP program".into()));
    }
    bench::gate(workspace, false).map(|()| Ended::Passed)
}

fn integration_tests(workspace: &Workspace, options: &TestOptions, run: &mut Run) -> Result<Ended> {
    if run.failed().contains(&"build") {
        return Ok(Ended::Skipped("there is no binary to test".into()));
    }
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--package", "vtap-tests", "--"]).args(&options.args);
    cargo.env("VTAP_BIN", workspace.vtap()).stdout(Stdio::piped());
    cargo.env("XTASK", env::current_exe().context("cannot find this program")?);
    if let Some(corpus) = &options.corpus {
        let corpus = corpus.canonicalize().with_context(|| corpus.display().to_string())?;
        cargo.env("VTAP_CORPUS", corpus);
    }
    for (variable, value) in [("VTAP_FRAMES", options.frames), ("VTAP_SEED", options.seed)] {
        cargo.envs(value.map(|value| (variable, value.to_string())));
    }
    let mut child = cargo.spawn().context("cannot run cargo")?;
    let stdout = child.stdout.take().context("no standard output")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        run.skipped.extend(line.strip_prefix("skipped: ").map(str::to_owned));
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}");
    }
    Ok(Ended::Passed)
}

fn other_kernels(
    workspace: &Workspace,
    kernels: &[vm::Kernel],
    options: &TestOptions,
    run: &mut Run,
) -> Result<Ended> {
    if run.failed().contains(&"build") {
        return Ok(Ended::Skipped("there is no binary to test".into()));
    }
    let tests = workspace.test_program("vtap-tests", "integration")?;
    run.skipped.extend(vm::test(workspace, kernels, &tests, &options.args)?);
    Ok(Ended::Passed)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        options: TestOptions,
    }

    /// Else nothing would be tested, with success.
    #[test]
    fn a_part_needs_what_it_tests() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' '));
        for words in ["test --only vm", "test --only fuzz"] {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains("required"), "{error}");
        }
        for words in ["test --only vm --vm", "test --only fuzz --fuzz 9", "test --only integration"]
        {
            parse(words).unwrap();
        }
        let options = parse("test --only vm --vm 5.10,6.12 a").unwrap().options;
        assert_eq!((options.vm.map(|kernels| kernels.len()), options.args.len()), (Some(2), 1));
    }
}
