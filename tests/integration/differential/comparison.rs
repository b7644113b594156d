//! A selection in the kernel and in user space, side by side.

use anyhow::{Context as _, Result, bail, ensure};
use vtap_common::{
    Matched, Outcome,
    abi::{Counters, RecordHeader, Segment},
    examine,
    wire::LinkLayer,
};
use vtap_user::kernel::Program;

use super::{
    case::Case,
    kernel::{DROP, Kernel, ONE_BUFFER, PASS, Ran},
    tally::Tally,
    unseen::unseen,
};

/// Frames are split within so many bytes: about where their headers are.
pub const HEADERS: usize = 160;

/// What one program is to make of the frames so far.
struct Side {
    kernel: Kernel,
    expected: Counters,
}

/// One selection, in the kernel and in user space.
pub struct Comparison<'a> {
    case: &'a Case,
    sides: Vec<Side>,
}

impl<'a> Comparison<'a> {
    /// Loads both programs, or the only one that this kernel runs.
    pub fn load(case: &'a Case, splits_at_will: bool) -> Result<Self> {
        let programs = match Program::of_this_kernel() {
            Program::Full => &Program::ALL[..],
            _ => &[Program::Linear, Program::LinearGeneric],
        };
        let load = |program: &Program| {
            let kernel = Kernel::load(case, *program, splits_at_will)
                .with_context(|| format!("`{}` with {}", program.name(), case.name))?;
            Ok(Side { kernel, expected: Counters::ZERO })
        };
        Ok(Self { case, sides: programs.iter().map(load).collect::<Result<_>>()? })
    }

    /// Compares a frame in one piece, and split at every place where a header can be.
    pub fn everywhere(&mut self, frame: &[u8]) -> Result<()> {
        let splits = (0..frame.len().min(HEADERS)).map(Some);
        let ways: Vec<_> = splits.chain([None]).map(|linear| (frame, linear)).collect();
        for (frame, linear) in &ways {
            self.frame(frame, *linear)?;
        }
        self.settle(ways.into_iter())
    }

    /// Compares frames one by one, and in the end what was counted.
    pub fn batch(&mut self, batch: &[(Vec<u8>, Option<usize>)], tally: &mut Tally) -> Result<()> {
        for (frame, linear) in batch {
            let outcomes = self.frame(frame, *linear)?;
            tally.count(&outcomes, self.sides[0].kernel.in_fragments(frame, *linear));
        }
        self.settle(batch.iter().map(|(frame, linear)| (&frame[..], *linear)))
    }

    /// Runs a frame through the programs, `linear` bytes of it in the first buffer where that can
    /// be, and compares verdict and record.
    fn frame(&mut self, frame: &[u8], linear: Option<usize>) -> Result<Vec<Outcome>> {
        self.sides.iter_mut().map(|side| side.frame(self.case, frame, linear)).collect()
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
        let part = case.part(part);
        let linear = linear.map(|linear| linear.min(part.len()));
        let segment = self.segment();
        let outcome = examine(&part, case.link_layer, segment, &case.selection, &mut self.expected);
        // Only frames with an Ethernet header may be plain.
        if let Some(first) = self.kernel.first_buffer(linear)
            && case.link_layer == LinkLayer::Ethernet
        {
            self.expected.received.bytes -= unseen(part, first, segment, &case.selection);
        }
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
        self.kernel.program.takes_fragments()
    }

    /// What its program knows of the datagrams in a frame: in generic mode nothing, as a test run does
    /// not pass the tracepoint.
    fn segment(&self) -> Segment {
        if self.kernel.program.is_generic() { Segment::UNKNOWN } else { Segment::WHOLE }
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
            Outcome::NotTunnel | Outcome::Malformed(_) => PASS,
            _ if self.pass => PASS,
            Outcome::Filtered | Outcome::Matched(_) | Outcome::Coalesced(_) => DROP,
        };
        if let Outcome::Coalesced(_) = outcome {
            let header = RecordHeader::frame(Segment::UNKNOWN, frame.len() as u32, 0, 0);
            return Ok(Ran { verdict, record: Some((header, frame.to_vec())) });
        }
        let Outcome::Matched(matched @ Matched { tunnel, inner, .. }) = outcome else {
            return Ok(Ran { verdict, record: None });
        };
        let caplen = inner.len.min(self.snaplen);
        let start = tunnel.payload as usize;
        let data =
            frame.get(start..start + caplen as usize).context("the parser left the frame")?;
        let header = matched.record_header(caplen, 0, 0);
        Ok(Ran { verdict, record: Some((header, data.to_vec())) })
    }
}
