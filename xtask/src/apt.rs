//! Debian's packages.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use rustix::process::geteuid;

use crate::{
    command::{command, find, patiently},
    report,
};

/// Installs packages; refreshes the lists of them before the first.
#[derive(Default)]
pub struct Apt {
    refreshed: bool,
}

impl Apt {
    /// Installs packages, or says what to run where it may not.
    pub fn install(&mut self, packages: &[&str]) -> Result<()> {
        if find("apt-get").is_none() {
            bail!("there is no apt-get here to install {}", packages.join(", "));
        }
        if !self.refreshed {
            report::doing("refreshing apt's package lists");
            // Where one of several sources fails, the packages may still be had from others.
            if let Err(error) = patiently(&mut apt_get(&["update"], packages)?, None) {
                report::warning(format_args!("{error:#}"));
            }
            self.refreshed = true;
        }
        report::doing(format_args!("installing {}", packages.join(", ")));
        let arguments = [&["install", "-y", "--no-install-recommends"], packages].concat();
        patiently(&mut apt_get(&arguments, packages)?, None)
            .with_context(|| format!("cannot install {}", packages.join(", ")))
    }
}

/// `apt-get` as root, never asking anything.
fn apt_get(arguments: &[&str], packages: &[&str]) -> Result<Command> {
    let mut command = if geteuid().is_root() {
        command("env")
    } else if find("sudo").is_some() {
        let mut sudo = command("sudo");
        sudo.arg("env");
        sudo
    } else {
        bail!(
            "installing needs root: run `apt-get update && apt-get install -y {}` as root",
            packages.join(" ")
        );
    };
    command
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"])
        // Another may be installing something just now.
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(arguments);
    Ok(command)
}
