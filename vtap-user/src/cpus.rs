//! The CPUs of this machine.

use std::io;

use anyhow::Result;
use aya::util;

/// Numbers of those that are switched on.
pub fn online() -> Result<Vec<u32>> {
    util::online_cpus().map_err(unreadable)
}

/// How many there can be at most. The kernel gives each a place in per-CPU maps.
pub fn possible() -> Result<u32> {
    Ok(u32::try_from(util::nr_cpus().map_err(unreadable)?)?)
}

/// Numbers of those that are switched off now.
pub fn offline() -> Result<Vec<u32>> {
    let online = online()?;
    Ok((0..possible()?).filter(|cpu| !online.contains(cpu)).collect())
}

/// There is no other source that is always right: `/proc` and affinity tell of fewer CPUs.
fn unreadable((path, error): (&str, io::Error)) -> anyhow::Error {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let remedy = if missing { " (`mount -t sysfs sysfs /sys` gives it)" } else { "" };
    anyhow::Error::new(error)
        .context(format!("cannot read {path}"))
        .context(format!("vtap must know how many CPUs there are{remedy}"))
}
