//! The loaded program and the parser in user space agree on every frame, hostile ones above all:
//! `BPF_PROG_TEST_RUN` hands a frame to the program, and verdict, counters and record are compared
//! with what `examine` makes of the same bytes.
//!
//! `VTAP_FRAMES` says how many frames, `VTAP_SEED` which.

mod case;
mod comparison;
mod kernel;

mod progress;
mod regressions;
mod tally;
mod unseen;

use std::{
    env,
    panic::resume_unwind,
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use vtap_tests::{hostile, need::in_emulation};

use self::{
    case::Case,
    comparison::{Comparison, HEADERS},
    progress::Progress,
    tally::Tally,
};

crate::tests![kernel_and_user_space_agree [],];

/// Frames unless `VTAP_FRAMES` says otherwise: some seconds' worth.
const FRAMES: u64 = 300_000;
const FRAMES_IN_EMULATION: u64 = 10_000;
/// Frames between two looks at the counters.
const BATCH: usize = 500;

fn kernel_and_user_space_agree() -> Result<()> {
    let frames = number("VTAP_FRAMES")?;
    let frames = frames.unwrap_or(if in_emulation() { FRAMES_IN_EMULATION } else { FRAMES });
    let seed = number("VTAP_SEED")?.unwrap_or_else(arbitrary_seed);
    println!("differential: {frames} frames; VTAP_SEED={seed} makes the same ones again");
    let cases = case::all()?;
    let plan = Plan {
        seed,
        frames,
        splits_at_will: kernel::splits_at_will(&cases[0])?,
        cases,
        kept: regressions::frames()?,
        // A test run changes the kernel's own code (the BPF dispatcher), and emulated CPUs that run
        // that code meanwhile may trip over the change.
        workers: if in_emulation() { 1 } else { thread::available_parallelism()?.get() },
        progress: Progress::new(frames),
    };
    let tally = thread::scope(|scope| {
        let plan = &plan;
        let work = |worker| scope.spawn(move || plan.work(worker));
        let workers: Vec<_> = (0..plan.workers).map(work).collect();
        workers.into_iter().try_fold(Tally::default(), |tally, worker| {
            let other = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
            other.map(|other| tally.and(&other))
        })
    })?;
    println!("{tally}\n  {}, 0 disagreements", plan.progress.rate());
    tally.check()
}

/// What is to be done, by several workers.
struct Plan {
    seed: u64,
    frames: u64,
    splits_at_will: bool,
    cases: Vec<Case>,
    kept: Vec<Vec<u8>>,
    workers: usize,
    progress: Progress,
}

impl Plan {
    /// A worker's share: of each case's frames some, with programs of its own.
    fn work(&self, worker: usize) -> Result<Tally> {
        let mut tally = Tally::default();
        for (index, case) in self.cases.iter().enumerate() {
            let mut comparison = Comparison::load(case, self.splits_at_will)?;
            for frame in self.kept.iter().skip(worker).step_by(self.workers) {
                comparison.everywhere(frame).with_context(|| format!("kept, {}", case.name))?;
            }
            // Which frames a case gets does not depend on how many workers there are.
            let first = (index + self.cases.len() * worker) as u64;
            let mut numbers = (first..self.frames).step_by(self.cases.len() * self.workers);
            loop {
                let numbers = numbers.by_ref().take(BATCH);
                let batch: Vec<_> = numbers.map(|number| frame(self.seed, number)).collect();
                if batch.is_empty() {
                    break;
                }
                let compared = comparison.batch(&batch, &mut tally);
                compared.with_context(|| format!("seed {}, {}", self.seed, case.name))?;
                self.progress.add(batch.len());
            }
        }
        Ok(tally)
    }
}

/// The frame of a number, and how much of it is to lie in the first buffer.
fn frame(seed: u64, number: u64) -> (Vec<u8>, Option<usize>) {
    let frame = hostile::frame(seed, number);
    let mut rng = hostile::rng(!seed, number);
    let linear = rng.bool().then(|| rng.usize(..frame.len().min(HEADERS)));
    (frame, linear)
}

fn number(variable: &str) -> Result<Option<u64>> {
    let Some(text) = env::var_os(variable) else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.replace('_', "").parse().ok());
    number.map(Some).with_context(|| format!("{variable} is no number: {}", text.display()))
}

fn arbitrary_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.subsec_nanos().into())
}
