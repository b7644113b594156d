//! `cargo xtask lab`: the tutorial's network in namespaces of this machine.
//!
//! ```text
//!  vtap-client            vtap-fabric              vtap-server
//!  10.0.0.5 ens3 ──── client0 10.0.0.1
//!                             10.0.1.1 server0 ──── ens3 10.0.1.2
//!                                         │ tap: mirrors to vxlan7
//!                             10.0.1.1 target0 ──── ens3 10.0.1.3   vtap-target
//! ```

mod capture;
mod host;
mod topology;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use rustix::process::geteuid;

pub use self::capture::capture;
use self::{
    host::Host,
    topology::{Lab, State},
};
use crate::{
    command::{become_program, output},
    interrupts::Interrupts,
    programs, report,
};

/// Options of `cargo xtask lab`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct LabOptions {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
The hosts are the network namespaces vtap-client (10.0.0.5), vtap-fabric (router and tap),
vtap-server (10.0.1.2) and vtap-target (10.0.1.3). IP packets for the server are mirrored to UDP
port 4789 of the target, in VXLAN with identifier 7.

Examples:
  cargo xtask lab up
  cargo xtask lab exec target tcpdump -nn -i ens3 src host 10.0.1.2
  cargo xtask lab exec client ping -c 5 -s 300 10.0.1.2
  cargo xtask lab down";

#[derive(Subcommand)]
enum Action {
    /// Make the lab, unless it is there
    Up,
    /// Remove the lab, if it is there
    Down,
    /// Show the hosts, their addresses, and what is attached to the target
    Status,
    /// Run a command on a host
    Exec {
        /// The host
        host: Host,
        /// The command with its arguments
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            required = true,
            value_name = "CMD"
        )]
        command: Vec<OsString>,
    },
    /// What `cargo xtask run --lab` does as root
    #[command(hide = true)]
    Capture {
        vtap: PathBuf,
        interface: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

/// Runs the task.
pub fn lab(options: LabOptions) -> Result<ExitCode> {
    ensure!(geteuid().is_root(), "network namespaces need root: run this as root");
    match options.action {
        Action::Up => up(),
        Action::Down => topology::remove().map(|()| ExitCode::SUCCESS),
        Action::Status => status(),
        Action::Exec { host, command } => exec(host, &command),
        Action::Capture { vtap, interface, args } => capture(&vtap, &interface, &args),
    }
}

fn up() -> Result<ExitCode> {
    require_programs()?;
    if topology::state()? == State::Up {
        report::found("the lab is already up");
        return Ok(ExitCode::SUCCESS);
    }
    Lab::make(&Interrupts::watch()?)?.keep();
    report::found("the lab is up; try `cargo xtask lab exec client ping -c 1 10.0.1.2`");
    Ok(ExitCode::SUCCESS)
}

fn status() -> Result<ExitCode> {
    match topology::state()? {
        State::Up => println!("the lab is up"),
        State::Partial => println!("the lab is incomplete: `cargo xtask lab up` makes it anew"),
        State::Down => println!("the lab is down"),
    }
    for host in Host::ALL.into_iter().filter(|host| host.exists()) {
        println!("{:12} {}", host.namespace(), addresses(host)?);
    }
    if Host::Target.exists() {
        println!("XDP on the target's {}: {}", topology::DEV, xdp()?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Such as `10.0.0.5/24 (ens3)`, without the loopback's.
fn addresses(host: Host) -> Result<String> {
    let shown = output(&mut host.ip("-brief -4 address show"))?;
    let links = shown.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let dev = words.next()?.split('@').next()?;
        let address = words.nth(1)?;
        (dev != "lo").then(|| format!("{address} ({dev})"))
    });
    Ok(links.collect::<Vec<_>>().join(", "))
}

fn xdp() -> Result<String> {
    let link = output(&mut Host::Target.ip(&format!("-details link show {}", topology::DEV)))?;
    Ok(topology::xdp_program(&link).unwrap_or_else(|| "none".into()))
}

fn exec(host: Host, command: &[OsString]) -> Result<ExitCode> {
    ensure!(host.exists(), "the lab is not up: run `cargo xtask lab up`");
    become_program(host.command(&command[0]).args(&command[1..]))
}

fn require_programs() -> Result<()> {
    let missing: Vec<_> = programs::missing().iter().map(|program| program.name).collect();
    let missing = missing.join(", ");
    ensure!(missing.is_empty(), "the lab needs {missing}: run `cargo xtask setup`");
    Ok(())
}
