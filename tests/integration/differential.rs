//! The loaded program and the parser in user space agree on every frame, hostile ones above all:
//! `BPF_PROG_TEST_RUN` hands a frame to the program, and verdict, counters and record are compared
//! with what `examine` makes of the same bytes.
//!
//! `VTAP_FRAMES` says how many frames, `VTAP_SEED` which.

mod case;
mod kernel;
mod regressions;
mod tally;

use std::{
    env,
    panic::resume_unwind,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};
use vtap_common::{Matched, Outcome, counters::Counters, examine, record::RecordHeader};
use vtap_tests::{hostile, need::in_emulation};
use vtap_user::kernel::Program;

use self::{
    case::Case,
    kernel::{Kernel, ONE_BUFFER, Ran},
    tally::Tally,
};

crate::tests![kernel_and_user_space_agree [],];

/// Frames unless `VTAP_FRAMES` says otherwise: some seconds' worth.
const FRAMES: u64 = 300_000;
const FRAMES_IN_EMULATION: u64 = 20_000;
/// Frames between two looks at the counters.
const BATCH: usize = 500;
/// How often a long run shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Of the places at which a frame is split, most are within its headers.
const HEADERS: usize = 160;

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
        workers: thread::available_parallelism()?.get(),
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
            let first = (index * self.workers + worker) as u64;
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

/// What one program is to make of the frames so far.
struct Side {
    kernel: Kernel,
    expected: Counters,
}

/// One selection, in the kernel and in user space.
struct Comparison<'a> {
    case: &'a Case,
    sides: Vec<Side>,
}

impl<'a> Comparison<'a> {
    /// Loads both programs, or the only one that this kernel runs.
    fn load(case: &'a Case, splits_at_will: bool) -> Result<Self> {
        let programs = match Program::of_this_kernel() {
            Program::Full => &[Program::Full, Program::Linear][..],
            Program::Linear => &[Program::Linear],
        };
        let load = |program: &Program| {
            let kernel = Kernel::load(case, *program, splits_at_will)
                .with_context(|| format!("`{}` with {}", program.name(), case.name))?;
            Ok(Side { kernel, expected: Counters::ZERO })
        };
        Ok(Self { case, sides: programs.iter().map(load).collect::<Result<_>>()? })
    }

    /// Compares a frame in one piece, and split at every place where a header can be.
    fn everywhere(&mut self, frame: &[u8]) -> Result<()> {
        let splits = (0..frame.len().min(HEADERS)).map(Some);
        let ways: Vec<_> = splits.chain([None]).map(|linear| (frame, linear)).collect();
        for (frame, linear) in &ways {
            self.frame(frame, *linear)?;
        }
        self.settle(ways.into_iter())
    }

    /// Compares frames one by one, and in the end what was counted.
    fn batch(&mut self, batch: &[(Vec<u8>, Option<usize>)], tally: &mut Tally) -> Result<()> {
        for (frame, linear) in batch {
            let outcome = self.frame(frame, *linear)?;
            tally.count(&outcome, self.sides[0].kernel.in_fragments(frame, *linear));
        }
        self.settle(batch.iter().map(|(frame, linear)| (&frame[..], *linear)))
    }

    /// Runs a frame through the programs, `linear` bytes of it in the first buffer where that can
    /// be, and compares verdict and record.
    fn frame(&mut self, frame: &[u8], linear: Option<usize>) -> Result<Outcome> {
        let mut first = None;
        for side in &mut self.sides {
            let outcome = side.frame(self.case, frame, linear)?;
            first.get_or_insert(outcome);
        }
        first.context("no program")
    }

    /// Compares what was counted. Where that differs, `frames`, which are all since it was last
    /// compared, are run once more one by one, to find the one to blame.
    fn settle<'f>(
        &mut self,
        frames: impl Iterator<Item = (&'f [u8], Option<usize>)>,
    ) -> Result<()> {
        if self.sides.iter().all(|side| side.counters_agree().is_ok()) {
            return Ok(());
        }
        for side in &mut self.sides {
            side.expected = side.kernel.counters()?;
        }
        for (frame, linear) in frames {
            for side in &mut self.sides {
                side.frame(self.case, frame, linear)?;
                side.counters_agree().with_context(|| blame(side, frame, linear))?;
            }
        }
        bail!("the counters differ, but not when the same frames are run again")
    }
}

impl Side {
    fn frame(&mut self, case: &Case, frame: &[u8], linear: Option<usize>) -> Result<Outcome> {
        // What does not fit one buffer is not for the linear program.
        let part = if self.full() { frame } else { &frame[..frame.len().min(ONE_BUFFER)] };
        let outcome = examine(&part, &case.selection, &mut self.expected);
        let expected = case.expected(part, &outcome)?;
        let ran = self.kernel.run(part, linear)?;
        ensure!(
            ran == expected,
            "{}in the kernel: {ran:02x?}\nin user space: {expected:02x?}, as it is {outcome:?}",
            blame(self, frame, linear),
        );
        Ok(outcome)
    }

    fn full(&self) -> bool {
        self.kernel.program == Program::Full
    }

    fn counters_agree(&self) -> Result<()> {
        let counted = self.kernel.counters()?;
        let expected = self.expected;
        ensure!(counted == expected, "in the kernel: {counted:?}\nin user space: {expected:?}");
        Ok(())
    }
}

/// Says which frame it is, and how to keep it.
fn blame(side: &Side, frame: &[u8], linear: Option<usize>) -> String {
    format!(
        "`{}` disagrees with user space on this frame (first buffer: {linear:?}). To have it \
         tested always, add it to tests/integration/differential/regressions.txt with a line on \
         what it is:\n{}\n",
        side.kernel.program.name(),
        hex::encode(frame),
    )
}

impl Case {
    /// What a program is to do with a frame of which this is the outcome.
    fn expected(&self, frame: &[u8], outcome: &Outcome) -> Result<Ran> {
        let verdict = match outcome {
            Outcome::NotTunnel | Outcome::Malformed(_) => kernel::PASS,
            Outcome::Filtered | Outcome::Matched(_) if self.pass => kernel::PASS,
            Outcome::Filtered | Outcome::Matched(_) => kernel::DROP,
        };
        let Outcome::Matched(matched @ Matched { tunnel, inner, .. }) = outcome else {
            return Ok(Ran { verdict, record: None });
        };
        let caplen = inner.len.min(self.snaplen);
        let start = tunnel.payload as usize;
        let data =
            frame.get(start..start + caplen as usize).context("the parser left the frame")?;
        let header = RecordHeader::new(matched, caplen, 0, 0);
        Ok(Ran { verdict, record: Some((header, data.to_vec())) })
    }
}

/// How far a long run is.
struct Progress {
    frames: u64,
    done: AtomicU64,
    begin: Instant,
    shown: Mutex<Instant>,
}

impl Progress {
    fn new(frames: u64) -> Self {
        let now = Instant::now();
        Self { frames, done: AtomicU64::new(0), begin: now, shown: Mutex::new(now) }
    }

    fn add(&self, frames: usize) {
        self.done.fetch_add(frames as u64, Relaxed);
        // Another worker that is at it shows the same.
        let Ok(mut shown) = self.shown.try_lock() else { return };
        if shown.elapsed() > HEARTBEAT {
            *shown = Instant::now();
            println!("  {} of {}", self.rate(), self.frames);
        }
    }

    fn rate(&self) -> String {
        let done = self.done.load(Relaxed);
        let seconds = self.begin.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = done as f64 / seconds;
        format!("{done} frames in {seconds:.1} s ({rate:.0}/s)")
    }
}
