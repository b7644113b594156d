//! `cargo xtask bench --gate`: has the work per packet grown? In instructions, which do not depend
//! on how busy or fast a machine is, against a budget that is part of the sources.

mod budget;
mod callgrind;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use self::budget::{Basis, Budget, Figures};
use super::subject::Binaries;
use crate::{
    command::{command, command_line, output},
    report, setup,
    workspace::Workspace,
};

/// Compares, or sets the budget anew; fails if something grew.
pub fn run(workspace: &Workspace, binaries: &Binaries, update: bool) -> Result<()> {
    let mut budget = Budget::read(workspace)?;
    let mut skipped = Vec::new();
    let mut grown = Vec::new();
    for (name, basis, figures) in [
        ("XDP program", kernel_basis(workspace)?, program_sizes(binaries)),
        ("user side", user_basis(workspace)?, callgrind::figures(binaries)),
    ] {
        report::doing(format_args!("instructions: {name}"));
        let figures = match figures? {
            Ok(figures) => figures,
            Err(reason) => {
                skipped.push(format!("{name}: {reason}"));
                continue;
            }
        };
        if update {
            budget.set(name, basis, figures);
            continue;
        }
        match budget.compare(name, &basis, &figures) {
            Ok(more) => grown.extend(more),
            Err(reason) => skipped.push(format!("{name}: {reason}")),
        }
    }
    if update {
        budget.write(workspace)?;
    }
    for reason in &skipped {
        report::warning(format_args!("not compared: {reason}"));
    }
    if !grown.is_empty() {
        bail!("more instructions than the budget allows:\n  {}", grown.join("\n  "));
    }
    Ok(())
}

/// What the size of the loaded program depends on besides our sources.
fn kernel_basis(workspace: &Workspace) -> Result<Basis> {
    let kernel = output(&mut command_line("uname -r"))?;
    let kernel: Vec<_> = kernel.trim().split('.').take(2).collect();
    let compiler = setup::ebpf_compiler(workspace).context("no eBPF compiler")?;
    Ok(Basis::from([("kernel".into(), kernel.join(".")), ("compiler".into(), compiler)]))
}

/// What the instructions of the user side depend on besides our sources.
fn user_basis(workspace: &Workspace) -> Result<Basis> {
    let mut rustc = workspace.cargo();
    let version = output(rustc.arg("--version"))?;
    let architecture = output(&mut command_line("uname -m"))?;
    let version = version.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let architecture = architecture.trim().to_owned();
    Ok(Basis::from([("rust".into(), version), ("architecture".into(), architecture)]))
}

/// As the tool prints it.
#[derive(Deserialize)]
struct Size {
    selection: String,
    instructions: u64,
    verified: Option<u64>,
}

/// Measured, or the reason why not.
type Measured = Result<Result<Figures, String>>;

fn program_sizes(binaries: &Binaries) -> Measured {
    let sizes = output(command(&binaries.tool).arg("size"))?;
    let sizes: Vec<Size> = serde_json::from_str(&sizes).context("the tool's report")?;
    let mut figures = Figures::new();
    for Size { selection, instructions, verified } in sizes {
        figures.insert(format!("{selection}: instructions"), instructions);
        if let Some(verified) = verified {
            figures.insert(format!("{selection}: looked at by the verifier"), verified);
        }
    }
    Ok(Ok(figures))
}
