//! `cargo xtask setup`: finds or installs what building, the lab and the tests need.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::{
    apt::Apt,
    command::{command, find, patiently},
    compiler::{self, Compiler, NIGHTLY, SYSTEM},
    linker,
    programs::{self, PROGRAMS, Program, VM_PROGRAMS},
    report,
    toolchain::Toolchain,
    workspace::Workspace,
};

/// On a slow line nightly takes minutes; one that does not answer must not hold up the rest.
const RUSTUP_LIMIT: Duration = Duration::from_mins(10);

fn advice() -> String {
    format!(
        "nothing here can build the eBPF program. Either install rustup (https://rustup.rs) and
    rustup toolchain install {NIGHTLY} --component rust-src
where github.com can be reached for bpf-linker, or, on Debian 12,
    apt-get install rustc-web cargo-web rust-web-src llvm-22-dev
and run `cargo xtask setup` again"
    )
}

/// Options of `cargo xtask setup`.
#[derive(Args)]
pub struct SetupOptions {
    /// Also install the programs that the benchmark compares with
    #[arg(long)]
    bench: bool,
}

/// Runs the task.
pub fn setup(options: &SetupOptions) -> Result<ExitCode> {
    let mut apt = Apt::default();
    everything(&mut apt)?;
    if options.bench {
        optional_programs(&programs::PEERS, &mut apt);
    }
    Ok(ExitCode::SUCCESS)
}

/// Sets up whatever building, the lab and the tests need and is missing.
pub fn ensure_everything() -> Result<()> {
    everything(&mut Apt::default())
}

fn everything(apt: &mut Apt) -> Result<()> {
    toolchain(&Workspace::find()?, apt)?;
    needed_programs(apt)?;
    optional_programs(&PROGRAMS, apt);
    let present = PROGRAMS.iter().filter(|program| program.installed());
    let present: Vec<_> = present.map(|program| program.name).collect();
    report::found(format_args!("programs: {}", present.join(", ")));
    Ok(())
}

/// Sets up what building needs, if it is missing.
pub fn ensure_toolchain(workspace: &Workspace) -> Result<()> {
    let recorded = Toolchain::read(&workspace.tools());
    if let Some(compiler) = recorded.and_then(|recorded| recorded.compiler()) {
        report_compiler(&compiler);
        return Ok(());
    }
    report::doing("the eBPF toolchain is not set up yet; doing so first");
    toolchain(workspace, &mut Apt::default())
}

/// Sets up what the lab needs, if it is missing.
pub fn ensure_programs() -> Result<()> {
    if programs::missing().is_empty() {
        return Ok(());
    }
    let mut apt = Apt::default();
    needed_programs(&mut apt)?;
    optional_programs(&PROGRAMS, &mut apt);
    Ok(())
}

/// Sets up what tests on other kernels need, if it is missing.
pub fn ensure_vm_programs() -> Result<()> {
    install_missing(&mut Apt::default(), &programs::missing_of(&VM_PROGRAMS), "the guest")
}

/// Installs, or tries to.
type Way = fn(&Workspace, &mut Apt) -> Result<Toolchain>;

fn toolchain(workspace: &Workspace, apt: &mut Apt) -> Result<()> {
    if let Some(compiler) = ready(workspace) {
        report_toolchain(workspace, &compiler);
        return Ok(());
    }
    let ways: [(&str, Way); 3] = [
        ("with what is installed", from_installed),
        ("with rustup", from_rustup),
        ("with apt", from_apt),
    ];
    for (name, way) in ways {
        match way(workspace, apt) {
            Ok(toolchain) => {
                toolchain.write(&workspace.tools())?;
                let compiler = ready(workspace).context("the new toolchain does not work")?;
                report_toolchain(workspace, &compiler);
                return Ok(());
            }
            Err(reason) => report::warning(format_args!("not {name}: {reason:#}")),
        }
    }
    bail!(advice())
}

/// The recorded compiler, if it and its linker can still be used.
fn ready(workspace: &Workspace) -> Option<Compiler> {
    let dir = linker::dir(workspace);
    let recorded = Toolchain::read(&workspace.tools()).filter(|_| linker::works(&dir))?;
    let mut installed = Compiler::installed().into_iter();
    installed.find(|compiler| recorded.fits(compiler, &dir))
}

/// The compiler of the eBPF program, if it is set up.
pub fn ebpf_compiler(workspace: &Workspace) -> Option<String> {
    ready(workspace).map(|compiler| compiler.to_string())
}

fn report_toolchain(workspace: &Workspace, compiler: &Compiler) {
    let dir = linker::dir(workspace);
    report_compiler(compiler);
    report::found(format_args!("bpf-linker {} in {}", linker::VERSION, dir.display()));
}

fn report_compiler(compiler: &Compiler) {
    report::found(format_args!("eBPF compiler: {compiler}"));
    if let Some(doubt) = compiler.doubt() {
        report::warning(doubt);
    }
}

/// A compiler that has its own LLVM beside it: nothing has to be installed.
fn from_installed(workspace: &Workspace, _apt: &mut Apt) -> Result<Toolchain> {
    let compilers = Compiler::installed();
    ensure!(!compilers.is_empty(), "there is no recent Rust compiler with its library's source");
    for compiler in &compilers {
        if linker::llvm_prefix(compiler.llvm).is_some() {
            return with_built_linker(workspace, compiler);
        }
        report::detail(format_args!("there is {compiler}, but no LLVM to build a linker on"));
    }
    bail!("no compiler has its LLVM beside it")
}

fn from_rustup(workspace: &Workspace, _apt: &mut Apt) -> Result<Toolchain> {
    ensure!(find("rustup").is_some(), "it is not installed");
    // First, because a compiler that is installed or changed is of no use without a linker.
    linker::download(workspace)?;
    if Compiler::examine(NIGHTLY).is_err() {
        install_nightly()?;
    }
    let compiler = Compiler::examine(NIGHTLY)?;
    Ok(Toolchain::new(&compiler, linker::dir(workspace), linker::PUBLISHED_LLVM))
}

fn install_nightly() -> Result<()> {
    let mut rustup = command("rustup");
    if compiler::has_nightly() {
        report::doing(format_args!("adding the library's source to rustup's {NIGHTLY}"));
        rustup.args(["component", "add", "rust-src", "--toolchain", NIGHTLY]);
    } else {
        report::doing(format_args!("installing rustup's {NIGHTLY} with the library's source"));
        rustup.args(["toolchain", "install", NIGHTLY, "--component", "rust-src"]);
        rustup.args(["--profile", "minimal"]);
    }
    patiently(&mut rustup, Some(RUSTUP_LIMIT))
}

fn from_apt(workspace: &Workspace, apt: &mut Apt) -> Result<Toolchain> {
    if Compiler::examine(SYSTEM).is_err() {
        apt.install(&["rustc-web", "cargo-web", "rust-web-src"])?;
    }
    let compiler = Compiler::examine(SYSTEM).context("the system's Rust compiler")?;
    if linker::llvm_prefix(compiler.llvm).is_none() {
        apt.install(&[&format!("llvm-{}-dev", compiler.llvm)])?;
    }
    with_built_linker(workspace, &compiler)
}

fn with_built_linker(workspace: &Workspace, compiler: &Compiler) -> Result<Toolchain> {
    let llvm = linker::llvm_prefix(compiler.llvm);
    let llvm = llvm.with_context(|| format!("there is no LLVM {} to link with", compiler.llvm))?;
    linker::build(workspace, compiler.llvm, &llvm)?;
    Ok(Toolchain::new(compiler, linker::dir(workspace), compiler.llvm))
}

fn needed_programs(apt: &mut Apt) -> Result<()> {
    install_missing(apt, &programs::missing(), "the lab")
}

fn install_missing(apt: &mut Apt, missing: &[&Program], whom: &str) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> = missing.iter().map(|program| program.apt).collect();
    apt.install(&packages).with_context(|| format!("{whom} needs {}", named(missing)))
}

fn optional_programs(programs: &[Program], apt: &mut Apt) {
    for program in programs.iter().filter(|program| !program.installed()) {
        let Some(without) = program.without else { continue };
        if let Err(error) = apt.install(&[program.apt]) {
            report::warning(format_args!("without {}, {without}: {error:#}", named(&[program])));
        }
    }
}

/// Programs with the packages to install where there is no apt.
fn named(programs: &[&Program]) -> String {
    let programs = programs.iter().map(|program| {
        let Program { name, apt, dnf, .. } = program;
        format!("{name} (package {apt}; {dnf} with dnf)")
    });
    programs.collect::<Vec<_>>().join(", ")
}
