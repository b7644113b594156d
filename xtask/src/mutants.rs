//! `cargo xtask mutants`: changes the sources in small ways and looks whether a test notices.
//!
//! A change that no test notices is a *survivor*. Each survivor must stand in `mutants/listed.json`,
//! with the reason why it changes nothing that matters, or with the integration test that notices
//! it. The task fails on any other survivor, and on an entry that is out of date.

mod listed;
mod mutant;
mod tree;

use std::{collections::BTreeSet, fs, process::ExitCode, slice, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use self::{
    listed::{Entry, Listed},
    mutant::{Fate, Mutant},
    tree::{Checked, Tree},
};
use crate::{
    command::{command, output, patiently, shown},
    report, setup,
    workspace::Workspace,
};

/// The release of cargo-mutants whose names of mutants the list uses.
const VERSION: &str = "27.1.0";
/// Longer than any integration test takes.
const TEST_LIMIT: Duration = Duration::from_mins(3);

/// What is mutated, and which integration tests look at it.
struct Part {
    package: &'static str,
    files: &'static [&'static str],
    integration: &'static [&'static str],
}

/// The packets' way: parser and selection; then what counts, orders and writes.
const PARTS: [Part; 2] = [
    Part {
        package: "vtap-common",
        files: &["vtap-common/src/**/*.rs"],
        integration: &["malformed::", "selection::", "delivery::", "forms::", "differential::"],
    },
    Part {
        package: "vtap-user",
        files: &[
            "vtap-user/src/session/account.rs",
            "vtap-user/src/session/account/*.rs",
            "vtap-user/src/session/sink.rs",
            "vtap-user/src/source/frames.rs",
            "vtap-user/src/source/frames/*.rs",
            "vtap-user/src/source/live/**/*.rs",
            "vtap-user/src/output/**/*.rs",
        ],
        integration: &[
            "delivery::",
            "cpus::",
            "files::",
            "formats::",
            "compressed::",
            "outputs::",
            "lifecycle::",
        ],
    },
];

/// Options of `cargo xtask mutants`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct MutantsOptions {
    /// Only mutants of this package: vtap-common, vtap-user
    #[arg(long, value_name = "PACKAGE", value_parser = PARTS.map(|part| part.package))]
    package: Option<String>,

    /// Only mutants of the files that this pattern matches
    #[arg(long, value_name = "GLOB")]
    file: Vec<String>,

    /// Only one part of the mutants, such as 1/4; counted from 0
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,

    /// Also run integration tests on what survives the packages' own tests; needs root
    #[arg(long)]
    integration: bool,
}

const EXAMPLES: &str = "\
Each mutant is built and tested, one after the other, in a copy of the sources in
target/vtap-mutants. All of vtap-common takes half an hour.

Examples:
  cargo xtask mutants --package vtap-common
  cargo xtask mutants --file 'vtap-common/src/select/*.rs'
  cargo xtask mutants --package vtap-user --shard 0/2 --integration";

/// Runs the task.
pub fn mutants(options: &MutantsOptions) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    setup::ensure_toolchain(&workspace)?;
    let listed = Listed::read()?;
    install(&workspace)?;
    let tree = Tree::copy(&workspace)?;
    let mut wrong = Vec::new();
    for part in &PARTS {
        if options.package.as_ref().is_none_or(|only| only == part.package) {
            wrong.extend(examine(part, options, &tree, &listed, &workspace)?);
        }
    }
    if wrong.is_empty() {
        report::found("every survivor is listed, and every entry of the list is a survivor");
        return Ok(ExitCode::SUCCESS);
    }
    let (count, wrong) = (wrong.len(), wrong.join("\n  "));
    bail!(
        "mutants and xtask/src/mutants/listed.json differ in {count} places; write a test that \
         notices the mutant, or mend the list:\n  {wrong}"
    )
}

/// Installs cargo-mutants beside the other tools of the workspace.
fn install(workspace: &Workspace) -> Result<()> {
    let program = workspace.tools().join("bin/cargo-mutants");
    let version = output(command(&program).args(["mutants", "--version"]));
    if version.is_ok_and(|version| version.trim() == format!("cargo-mutants {VERSION}")) {
        return Ok(());
    }
    report::doing(format_args!("building cargo-mutants {VERSION}; this takes a minute or two"));
    let mut cargo = workspace.cargo();
    cargo
        .args(["install", &format!("cargo-mutants@{VERSION}"), "--locked", "--force", "--root"])
        .arg(workspace.tools())
        .env_remove("CARGO_TARGET_DIR");
    patiently(&mut cargo, None).context("cannot build cargo-mutants")
}

/// Tests all mutants of a part, and returns what is wrong with the list.
fn examine(
    part: &Part,
    options: &MutantsOptions,
    tree: &Tree,
    listed: &Listed,
    workspace: &Workspace,
) -> Result<Vec<String>> {
    let mutants = run(part, options, tree, workspace)?;
    let count = |fate| mutants.iter().filter(|mutant| mutant.fate == fate).count();
    let survivors: Vec<_> = mutants.iter().filter(|m| m.fate == Fate::Survived).collect();
    report::found(format_args!(
        "{}: {} mutants: {} noticed by its own tests, {} do not build, {} survive",
        part.package,
        mutants.len(),
        count(Fate::Noticed),
        count(Fate::Unbuildable),
        survivors.len()
    ));
    let mut wrong = listed.compare(&mutants, options.shard.is_none());
    if options.integration {
        let named = listed.tests(&survivors);
        let usual = part.integration.iter().map(ToString::to_string);
        let tests: BTreeSet<String> = usual.chain(named).collect();
        report::doing("integration tests without any mutant");
        match tree.integration_tests(&Vec::from_iter(tests), TEST_LIMIT)? {
            Checked::Passed => {}
            Checked::Noticed(test) => bail!("{test} fails without any mutant"),
            Checked::Unbuildable => bail!("vtap or its tests do not build without any mutant"),
        }
        for mutant in survivors {
            wrong.extend(integrate(part, mutant, listed.entry(mutant), tree)?);
        }
    }
    Ok(wrong)
}

/// Runs the integration tests on a survivor, and returns what is wrong with its entry.
fn integrate(
    part: &Part,
    mutant: &Mutant,
    entry: Option<&Entry>,
    tree: &Tree,
) -> Result<Option<String>> {
    let tests = match entry {
        Some(Entry { equivalent: Some(_), .. }) => return Ok(None),
        Some(Entry { test: Some(test), .. }) => slice::from_ref(test),
        _ => &part.integration.iter().map(ToString::to_string).collect::<Vec<_>>(),
    };
    report::doing(format_args!("integration tests on {mutant}"));
    let changed = tree.change(mutant)?;
    let checked = tree.integration_tests(tests, TEST_LIMIT);
    drop(changed);
    Ok(match (checked?, entry) {
        (Checked::Noticed(_), Some(_)) => None,
        (Checked::Noticed(test), None) => {
            Some(format!("noticed by the integration test {test}: {mutant}"))
        }
        (Checked::Passed, Some(_)) => {
            Some(format!("not noticed by its integration test: {mutant}"))
        }
        (Checked::Passed, None) => Some(format!("not noticed by {}: {mutant}", tests.join(", "))),
        (Checked::Unbuildable, _) => {
            Some(format!("no integration test notices it, because vtap does not build: {mutant}"))
        }
    })
}

/// Has cargo-mutants test all mutants of a part with the package's own tests.
fn run(
    part: &Part,
    options: &MutantsOptions,
    tree: &Tree,
    workspace: &Workspace,
) -> Result<Vec<Mutant>> {
    report::doing(format_args!("mutants of {}", part.package));
    let out = workspace.mutants().join(part.package);
    fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
    let mut cargo = command(workspace.tools().join("bin/cargo-mutants"));
    tree.set_up(&mut cargo);
    cargo.args(["mutants", "--in-place", "--package", part.package, "--profile", tree::PROFILE]);
    cargo.args(["--timeout-multiplier", "4", "--minimum-test-timeout", "30", "--output"]).arg(&out);
    let files = part.files.iter().map(|glob| (*glob).to_owned());
    let files = if options.file.is_empty() { files.collect() } else { options.file.clone() };
    for file in files {
        cargo.args(["--file", &file]);
    }
    cargo.args(["--exclude", "**/tests.rs"]);
    if let Some(shard) = &options.shard {
        cargo.args(["--shard", shard]);
    }
    let status = cargo.status().with_context(|| format!("cannot run {}", shown(&cargo)))?;
    // 2: some survived; 3: some ran for too long.
    let ended = matches!(status.code(), Some(0 | 2 | 3));
    ensure!(ended, "`{}` failed ({status})", shown(&cargo));
    mutant::read(&out.join("mutants.out/outcomes.json"), tree.root())
}
