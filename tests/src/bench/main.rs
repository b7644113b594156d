//! The parts of `cargo xtask bench` that need BPF: sends frames from within the kernel, and receives
//! them in the ways that vtap is compared with. Each prints what it did as JSON.
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

mod file;
mod floor;
mod generate;
mod micro;
mod object;
mod selections;
mod size;
mod socket;
mod traffic;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The benchmark's tool; `cargo xtask bench` runs it.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Send mirrored frames into an interface
    Generate(generate::Options),
    /// Drop all frames of an interface in an XDP program that does nothing else
    Floor(floor::Options),
    /// Time the XDP program by itself, per kind of packet
    Micro,
    /// Tell how many instructions the XDP program has after the kernel translated it
    Size,
    /// Write a capture file of mirrored frames
    File(file::Options),
    /// Count the frames of an interface by an `AF_XDP` socket in copy mode
    Afxdp(socket::Options),
}

fn main() -> ExitCode {
    match run(&Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    match task {
        Task::Generate(options) => generate::run(options),
        Task::Micro => micro::run(),
        Task::Size => size::run(),
        Task::File(options) => file::run(options),
        Task::Floor(options) => floor::run(options),
        Task::Afxdp(options) => socket::run(options),
    }
}
