//! The tutorial in one go: a capture on the target while the client pings the server.

use std::{
    ffi::{OsStr, OsString},
    io::stderr,
    os::fd::AsFd as _,
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Result, ensure};

use super::{
    host::Host::{Client, Target},
    require_programs,
    topology::{self, Lab, State},
};
use crate::{
    command::{Running, exit_code, output, wait_until},
    interrupts::Interrupts,
    report,
};

/// The tutorial's.
const PING: &str = "ping -c 5 -s 300 10.0.1.2";
/// Longer than loading and attaching ever takes, or five pings.
const PATIENCE: Duration = Duration::from_secs(30);
/// For packets that are still on their way when the ping has ended.
const GRACE: Duration = Duration::from_millis(500);

/// Captures until the ping has ended, vtap ends by itself (`-c`), or a signal comes; returns
/// vtap's exit code. Its standard output is only vtap's.
pub fn capture(vtap: &Path, interface: &OsStr, args: &[OsString]) -> Result<ExitCode> {
    require_programs()?;
    let interrupts = Interrupts::watch()?;
    let _lab = lab(&interrupts)?;
    let mut capture = Running::start(Target.command(vtap).arg("capture").args(args))?;
    wait_attached(&mut capture, interface, &interrupts)?;
    if capture.ended()?.is_none() && !interrupts.noted() {
        ping(&mut capture, &interrupts)?;
    }
    capture.finish(PATIENCE).map(exit_code)
}

fn lab(interrupts: &Interrupts) -> Result<Lab> {
    if topology::state()? == State::Up {
        report::doing("the lab is up already; it is used as it is, and left up");
        return Ok(Lab::existing());
    }
    report::doing("making the lab");
    Lab::make(interrupts)
}

/// Waits for the XDP program; ends early with vtap, or with a signal.
fn wait_attached(capture: &mut Running, interface: &OsStr, interrupts: &Interrupts) -> Result<()> {
    let attached = wait_until(PATIENCE, || {
        let mut link = Target.ip("-details link show dev");
        // An interface that does not exist is for vtap to explain.
        let link = output(link.arg(interface)).unwrap_or_default();
        let attached = topology::xdp_program(&link).is_some();
        Ok(attached || interrupts.noted() || capture.ended()?.is_some())
    })?;
    ensure!(attached, "vtap attached nothing to {} in time", interface.display());
    Ok(())
}

fn ping(capture: &mut Running, interrupts: &Interrupts) -> Result<()> {
    report::doing(format_args!("vtap-client: {PING}"));
    let mut command = Client.command("ping");
    command
        .args(PING.split_whitespace().skip(1))
        .stdout(Stdio::from(stderr().as_fd().try_clone_to_owned()?));
    let mut ping = Running::start(&mut command)?;
    wait_until(PATIENCE, || {
        Ok(ping.ended()?.is_some() || capture.ended()?.is_some() || interrupts.noted())
    })?;
    if !ping.finish(PATIENCE)?.success() && !interrupts.noted() {
        report::warning("the server did not answer every ping");
    }
    wait_until(GRACE, || Ok(capture.ended()?.is_some() || interrupts.noted()))?;
    Ok(())
}
