//! `cargo xtask test --fuzz`: coverage-guided fuzzing of the parser, with a stable compiler.
//!
//! What `cargo fuzz` adds to this needs a nightly one (the sanitizers), and the parser's one unsafe
//! line is no reason for it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    command::{command, find, output, patiently},
    report,
    workspace::Workspace,
};

const TARGET: &str = "examine";
/// The C++ compilers that libFuzzer is built with, in the order in which they are looked for.
const COMPILERS: [&str; 3] = ["c++", "g++", "clang++"];
/// Why nothing can be fuzzed without one.
pub const NO_COMPILER: &str = "libFuzzer is built by a C++ compiler, and there is none (package g++; \
                               gcc-c++ with dnf)";
/// libFuzzer tells of every new input; that much is shown.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Longer inputs are slow, and have nothing that shorter ones have not.
const LONGEST: u32 = 2048;

/// Marks what libFuzzer tells of new inputs, new functions and words for a dictionary.
const NEWS: [&str; 5] = [" NEW ", " REDUCE ", "NEW_FUNC", "# Uses:", "ecommended dictionary"];

/// What makes a program tell libFuzzer which way it went, and what it compared.
const INSTRUMENTATION: [&str; 7] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// Whether the target can be built.
pub fn possible() -> bool {
    COMPILERS.iter().any(|compiler| find(compiler).is_some())
}

/// Builds the target and runs it for so many seconds.
pub fn fuzz(workspace: &Workspace, seconds: u64) -> Result<()> {
    let folder = workspace.fuzz();
    let target = build(workspace, &folder)?;
    // What is found stays from run to run, but is not to be committed.
    let corpus = workspace.fuzz_target().join("corpus").join(TARGET);
    let artifacts = folder.join("artifacts").join(TARGET);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let mut run = command(&target);
    run.arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1")
        .arg(&corpus)
        .arg(folder.join("seeds").join(TARGET))
        .arg(folder.join("regressions").join(TARGET));
    if show(&mut run)? {
        return Ok(());
    }
    let newest = newest(&artifacts);
    let input = newest.as_deref().unwrap_or(&artifacts).display();
    bail!(
        "an input fails. To run it again:\n    {} {input}\nTo have it tested always:\n    mv {input} \
         {}/",
        target.display(),
        folder.join("regressions").join(TARGET).display(),
    )
}

fn build(workspace: &Workspace, folder: &Path) -> Result<PathBuf> {
    // With a target named, what runs while building is not instrumented.
    let host = output(command("rustc").args(["--print", "host-tuple"]))?;
    let host = host.trim();
    let mut cargo = workspace.cargo();
    cargo
        .current_dir(folder)
        .args(["build", "--release", "--locked", "--target", host, "--bin", TARGET])
        .arg("--target-dir")
        .arg(workspace.fuzz_target())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
    patiently(&mut cargo, None)?;
    Ok(workspace.fuzz_target().join(host).join("release").join(TARGET))
}

/// Runs it and shows what it says, but of the new inputs only now and then one.
fn show(run: &mut Command) -> Result<bool> {
    let mut child = run.stderr(Stdio::piped()).spawn().context("cannot run the fuzz target")?;
    let stderr = child.stderr.take().context("no standard error")?;
    let mut shown = Instant::now();
    for line in BufReader::new(stderr).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if !NEWS.iter().any(|news| line.contains(news)) || shown.elapsed() > HEARTBEAT {
            shown = Instant::now();
            report::detail(line);
        }
    }
    Ok(child.wait()?.success())
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    entries
        .max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok())
        .map(|e| e.path())
}
