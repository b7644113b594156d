//! Lets a task clean up before a signal ends it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result, bail};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};

/// From its creation on, signals that would end the process are noted instead.
pub struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    /// Starts noting signals.
    pub fn watch() -> Result<Self> {
        let noted = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register(signal, Arc::clone(&noted)).context("cannot handle signals")?;
        }
        Ok(Self(noted))
    }

    /// Whether there was one.
    pub fn noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails if there was one.
    pub fn check(&self) -> Result<()> {
        if self.noted() {
            bail!("interrupted");
        }
        Ok(())
    }
}
