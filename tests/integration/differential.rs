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
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use vtap_common::{Matched, Outcome, counters::Counters, examine, record::RecordHeader};
use vtap_tests::{hostile, need::in_emulation};
use vtap_user::kernel::Program;

use self::{
    case::Case,
    kernel::{Kernel, Linear, ONE_BUFFER, Ran},
    tally::Tally,
};

crate::tests![kernel_and_user_space_agree [],];

/// Frames unless `VTAP_FRAMES` says otherwise: some seconds' worth.
const FRAMES: u64 = 300_000;
const FRAMES_IN_EMULATION: u64 = 20_000;
/// How often a long run shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Of the places at which a frame is split, most are within its headers.
const HEADERS: usize = 160;

fn kernel_and_user_space_agree() -> Result<()> {
    let frames = number("VTAP_FRAMES")?;
    let frames = frames.unwrap_or(if in_emulation() { FRAMES_IN_EMULATION } else { FRAMES });
    let seed = number("VTAP_SEED")?.unwrap_or_else(arbitrary_seed);
    println!("differential: {frames} frames; VTAP_SEED={seed} makes the same ones again");
    let kept = regressions::frames()?;
    let cases = case::all()?;
    let mut progress = Progress::new(frames);
    let mut tally = Tally::default();
    for (index, case) in (0..).zip(&cases) {
        let mut comparison = Comparison::load(case)?;
        for (number, frame) in (0..).zip(&kept) {
            // In one piece, and split at every place where a header can be.
            for linear in (0..frame.len().min(HEADERS)).map(Some).chain([None]) {
                comparison.frame(frame, linear, &mut Tally::default()).with_context(|| {
                    format!("regression {number}, split at {linear:?}, {}", case.name)
                })?;
            }
        }
        for number in (index..frames).step_by(cases.len()) {
            let (frame, linear) = frame(seed, number);
            comparison
                .frame(&frame, linear, &mut tally)
                .with_context(|| format!("frame {number} of seed {seed}, {}", case.name))?;
            progress.one();
        }
        tally.add(&comparison.expected(), comparison.splits());
    }
    println!("{tally}\n  {}, 0 disagreements", progress.rate());
    tally.check()
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
    fn load(case: &'a Case) -> Result<Self> {
        let programs = match Program::of_this_kernel() {
            Program::Full => &[Program::Full, Program::Linear][..],
            Program::Linear => &[Program::Linear],
        };
        let load = |program: &Program| {
            let kernel = Kernel::load(case, *program)
                .with_context(|| format!("`{}` with {}", program.name(), case.name))?;
            Ok(Side { kernel, expected: Counters::ZERO })
        };
        Ok(Self { case, sides: programs.iter().map(load).collect::<Result<_>>()? })
    }

    /// What user space counted for the first program.
    fn expected(&self) -> Counters {
        self.sides[0].expected
    }

    /// Frames that the programs got in more than one piece.
    fn splits(&self) -> u64 {
        self.sides.iter().map(|side| side.kernel.splits).sum()
    }

    /// Runs a frame through the programs, `linear` bytes of it in the first buffer where that can
    /// be, and compares.
    fn frame(&mut self, frame: &[u8], linear: Option<usize>, tally: &mut Tally) -> Result<()> {
        for side in &mut self.sides {
            let full = side.kernel.program == Program::Full;
            // What does not fit one buffer is not for the linear program.
            let frame = if full { frame } else { &frame[..frame.len().min(ONE_BUFFER)] };
            let linear = linear.filter(|_| full).map_or(Linear::AsItFits, Linear::Bytes);
            let outcome = examine(&frame, &self.case.selection, &mut side.expected);
            if full || Program::of_this_kernel() == Program::Linear {
                tally.outcome(&outcome);
            }
            let expected = self.case.expected(frame, &outcome)?;
            let ran = side.kernel.run(frame, linear)?;
            let counters = side.kernel.counters()?;
            ensure!(
                ran == expected && counters == side.expected,
                "`{}` ({linear:?}) disagrees with user space, which finds {outcome:?}\n\
                 kernel:     {ran:02x?}\nuser space: {expected:02x?}\n\
                 counters in the kernel:     {counters:?}\ncounters in user space: {:?}\n\
                 to have it tested always, add this line to \
                 tests/integration/differential/regressions.txt:\n{}",
                side.kernel.program.name(),
                side.expected,
                hex::encode(frame),
            );
        }
        Ok(())
    }
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
        let data = frame.get(start..start + caplen as usize).context("the parser left the frame")?;
        let header = RecordHeader::new(matched, caplen, 0, 0);
        Ok(Ran { verdict, record: Some((header, data.to_vec())) })
    }
}

/// How far a long run is.
struct Progress {
    frames: u64,
    done: u64,
    begin: Instant,
    shown: Instant,
}

impl Progress {
    fn new(frames: u64) -> Self {
        let now = Instant::now();
        Self { frames, done: 0, begin: now, shown: now }
    }

    fn one(&mut self) {
        self.done += 1;
        // The clock is not asked for every frame.
        if self.done.is_multiple_of(1024) && self.shown.elapsed() > HEARTBEAT {
            self.shown = Instant::now();
            println!("  {} of {}", self.rate(), self.frames);
        }
    }

    fn rate(&self) -> String {
        let seconds = self.begin.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "for people")]
        let rate = self.done as f64 / seconds;
        format!("{} frames in {seconds:.1} s ({rate:.0}/s)", self.done)
    }
}
