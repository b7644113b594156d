//! One capture, from the checked command line to the summary.

pub(crate) mod account;
mod live;
mod pump;
pub(crate) mod signals;
pub(crate) mod sink;

use std::{io::ErrorKind, time::Instant};

use anyhow::{Result, anyhow};
use vtap_common::abi::Counters;

use self::account::{Setting, Stats, StatsFile, Tally};
use crate::{
    cli::{Plan, Source},
    source::file,
};

/// Captures from an interface or reads a file, as the plan says.
pub fn run(plan: &Plan) -> Result<()> {
    match &plan.source {
        Source::Interface(interface) => live::run(plan, interface),
        Source::File(path) => file::run(plan, path),
    }
}

/// What closes the accounts of either kind of capture.
pub(crate) struct Accounts {
    setting: Setting,
    stats_file: Option<StatsFile>,
    begin: Instant,
    /// Whether packets are kept, so that it is a failure when nobody takes them.
    recording: bool,
}

impl Accounts {
    /// Of a capture that begins now.
    pub(crate) fn open(plan: &Plan, setting: Setting, stats_file: Option<StatsFile>) -> Self {
        Self { setting, stats_file, begin: Instant::now(), recording: plan.write.is_some() }
    }

    /// Writes the counters, shows the summary, and passes on how the capture went.
    pub(crate) fn close(self, counters: &Counters, tally: Tally, result: Result<()>) -> Result<()> {
        let stats = Stats::new(&self.setting, self.begin.elapsed(), counters, tally);
        let written = self.stats_file.map_or(Ok(()), |file| file.write(&stats));
        say!("{}", stats.summary().trim_end());
        match both(result, written) {
            Err(error) if !self.recording && nobody_reads(&error) => Ok(()),
            result => result,
        }
    }
}

/// What went wrong in either. That nobody reads any more hides nothing else.
pub(crate) fn both(one: Result<()>, other: Result<()>) -> Result<()> {
    match (one, other) {
        (Err(error), Err(other)) if nobody_reads(&other) => Err(error),
        (Err(error), Err(other)) if nobody_reads(&error) => Err(other),
        (Err(error), Err(other)) => Err(anyhow!("{error:#}; and {other:#}")),
        (one, other) => one.and(other),
    }
}

/// A reader that has seen enough (`vtap capture … | head`) is no failure.
fn nobody_reads(error: &anyhow::Error) -> bool {
    let io = error.root_cause().downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
