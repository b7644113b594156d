//! vtap's tasks, run as `cargo xtask TASK`.

mod apt;
mod bench;
mod build;
mod command;
mod compiler;
mod fuzz;
mod interrupts;
mod lab;
mod linker;
mod mutants;
mod programs;
mod report;
mod run;
mod setup;
mod test;
mod toolchain;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    bench::BenchOptions, lab::LabOptions, mutants::MutantsOptions, run::RunOptions,
    setup::SetupOptions, test::TestOptions,
};

/// Sets up, builds, runs and tests vtap.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask setup                      install what is missing
  cargo xtask run --lab                  see mirrored packets, on any Linux machine with root
  cargo xtask run --lab -c 3 -w a.pcapng and write them to a file
  cargo xtask run -- -i ens3 --vni 7     capture on an interface of this machine
  cargo xtask build                      only build what to copy to another machine
  cargo xtask test                       check everything that can be checked here
  cargo xtask bench --quick              see how fast it is, in two minutes

`cargo xtask TASK --help` tells more of each.";

#[derive(Subcommand)]
enum Task {
    /// Install whatever building, the lab and the tests need and is missing
    Setup(SetupOptions),
    /// Build the one binary, target/release/vtap, with the eBPF program inside
    Build,
    /// Build, then run `vtap capture`
    Run(RunOptions),
    /// A tap and its target in network namespaces, by hand
    Lab(LabOptions),
    /// Check and test everything; says what was skipped and why
    Test(TestOptions),
    /// Change the sources in small ways and see whether a test notices
    Mutants(MutantsOptions),
    /// Measure vtap against tcpdump and others, in network namespaces
    Bench(BenchOptions),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Setup(options) => setup::setup(&options),
        Task::Build => build::build(),
        Task::Run(options) => run::run(options),
        Task::Lab(options) => lab::lab(options),
        Task::Test(options) => test::test(&options),
        Task::Mutants(options) => mutants::mutants(&options),
        Task::Bench(options) => bench::bench(&options),
    };
    result.unwrap_or_else(|error| {
        report::failure(&error);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
