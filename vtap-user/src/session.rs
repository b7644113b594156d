//! One capture, from the checked command line to the summary.
//!
//! The threads of a live capture, and who waits for whom:
//!
//! - [`live`] (the main thread) loads and attaches, watches the interface, and detaches;
//! - [`pump`] empties the rings, counts, and hands packets to the outputs;
//! - each output has a thread ([`crate::output`]), and so have messages ([`crate::say`]).
//!
//! All obey one [`crate::cancel::Cancel`], which says when the end has begun and until when it may last.
//!
//! What comes next has its place. A service that runs beside a capture (metrics, a live screen,
//! health check) is a file in `service/` and an arm of the `select!` in [`live`], as `live/behind.rs`
//! is one: it reads [`status::Status`] and never meets the path of packets. A filter expression
//! becomes part of what [`crate::kernel`] loads; JSON and rotation are outputs ([`crate::output`]).

pub(crate) mod account;
mod live;
mod outcome;
mod pump;
mod replay;
pub(crate) mod sink;
mod status;

use std::time::Instant;

use anyhow::{Context as _, Result};
use vtap_common::abi::Counters;

use self::account::{Setting, Stats, StatsFile, Tally};
pub(crate) use self::outcome::both;
use crate::{
    cancel::Cancel,
    output::Report,
    plan::{Plan, Source},
    say, signals,
};

/// Captures from an interface or reads a file, as the plan says.
pub fn run(plan: &Plan) -> Result<()> {
    signals::outlive_file_limits().context("cannot handle signals")?;
    let cancel = Cancel::new().context("cannot make a pair of sockets for signals")?;
    say::start(&cancel)?;
    match &plan.source {
        Source::Interface(interface) => live::run(plan, interface, &cancel),
        Source::File(path) => replay::run(plan, path, &cancel),
    }
}

/// What closes the accounts of either kind of capture.
pub(crate) struct Accounts {
    setting: Setting,
    stats_file: Option<StatsFile>,
    begin: Instant,
    /// Whether packets are kept, so that it is a failure when nobody takes them.
    recording: bool,
    cancel: Cancel,
}

impl Accounts {
    /// Of a capture that begins now.
    pub(crate) fn open(
        plan: &Plan,
        setting: Setting,
        stats_file: Option<StatsFile>,
        cancel: Cancel,
    ) -> Self {
        let (begin, recording) = (Instant::now(), plan.write.is_some());
        Self { setting, stats_file, begin, recording, cancel }
    }

    /// Writes the counters, shows the summary, and passes on how the capture went.
    pub(crate) fn close(
        self,
        counters: &Counters,
        tally: Tally,
        outputs: &[Report],
        result: Result<()>,
    ) -> Result<()> {
        let stats = Stats::new(&self.setting, self.begin.elapsed(), counters, tally, outputs);
        let written = self.stats_file.map_or(Ok(()), |file| file.write(&stats, &self.cancel));
        say!("{}", stats.summary().trim_end());
        both(both(result, outcome::of(outputs, self.recording)), written)
    }
}
