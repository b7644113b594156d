//! One program in the kernel, run on single frames.

use anyhow::{Context as _, Result, ensure};
use aya::{
    TestRun as _, TestRunOptions,
    programs::{ProgramError, Xdp},
};
use rustix::io::Errno;
use vtap_common::{
    abi::{Counters, RecordHeader},
    wire::LinkLayer,
};
use vtap_user::{
    kernel::{Program, Tap, TapSettings, load_program},
    source::live::drain::Drain,
};

use super::case::Case;

/// `XDP_DROP`.
pub const DROP: u32 = 1;
/// `XDP_PASS`.
pub const PASS: u32 = 2;

/// What the kernel keeps in one buffer of a page for a test, less what the page has besides: head
/// room (256 bytes) and a `skb_shared_info`, whose size is the kernel's affair.
pub const ONE_BUFFER: usize = 3400;
/// Room for the largest record, and a power of two.
const RING_SIZE: u32 = 256 << 10;

/// What a program did with a frame. The record's time and queue are zero.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    /// What it returned.
    pub verdict: u32,
    /// What it wrote to the ring, if it did.
    pub record: Option<(RecordHeader, Vec<u8>)>,
}

/// A loaded program and its rings.
pub struct Kernel {
    /// Which it is.
    pub program: Program,
    tap: Tap,
    drain: Drain,
    splits_at_will: bool,
}

impl Kernel {
    /// Loads it with what the case selects; `splits_at_will` as the function of that name has it.
    pub fn load(case: &Case, program: Program, splits_at_will: bool) -> Result<Self> {
        let (tap, rings) = load_program(&settings(case), RING_SIZE, program)?;
        let splits_at_will = splits_at_will && program.takes_fragments();
        Ok(Self { program, tap, drain: Drain::new(rings.consumers()?), splits_at_will })
    }

    /// Runs it on a frame. Where the kernel and the program can do that, only `linear` bytes of it
    /// lie in the first buffer; else it has as much as there is room for. The rest is in fragments.
    pub fn run(&mut self, frame: &[u8], linear: Option<usize>) -> Result<Ran> {
        let context = self.first_buffer(linear).map(context);
        let verdict = test_run(self.tap.program()?, frame, context.as_ref())
            .with_context(|| format!("cannot test-run a frame of {} bytes", frame.len()))?;
        let mut record = None;
        let taken = self.drain.batch(|header, data| {
            let mut header = *header;
            (header.timestamp, header.rx_queue) = (0, 0);
            record = Some((header, data.to_vec()));
            Ok(())
        })?;
        ensure!(taken <= 1, "{taken} records of one frame");
        Ok(Ran { verdict, record })
    }

    /// Bytes that the first buffer has, where a test can say that.
    pub fn first_buffer(&self, linear: Option<usize>) -> Option<usize> {
        linear.filter(|_| self.splits_at_will)
    }

    /// Whether it has such a frame in fragments.
    pub fn in_fragments(&self, frame: &[u8], linear: Option<usize>) -> bool {
        self.first_buffer(linear).is_some() || frame.len() > ONE_BUFFER
    }

    /// What it counted so far.
    pub fn counters(&self) -> Result<Counters> {
        self.tap.counters()
    }
}

/// A `struct xdp_md`, of which only `data_end` is set.
type Context = [u8; 24];

fn context(data_end: usize) -> Context {
    let mut context = [0; 24];
    context[4..8].copy_from_slice(&(data_end as u32).to_ne_bytes());
    context
}

fn test_run(program: &Xdp, frame: &[u8], context: Option<&Context>) -> Result<u32, ProgramError> {
    let options = TestRunOptions {
        data_in: Some(frame),
        ctx_in: context.map(|context| &context[..]),
        ..TestRunOptions::default()
    };
    Ok(program.test_run(options)?.return_value)
}

fn settings(case: &Case) -> TapSettings<'_> {
    TapSettings {
        selection: &case.selection,
        pass: case.pass,
        snaplen: case.snaplen,
        bare_ip: case.link_layer == LinkLayer::Ip,
        log_level: case.log_level,
    }
}

/// Whether this kernel lets a test say how much of a frame lies in its first buffer ("bpf: Support
/// specifying linear xdp packet data size for `BPF_PROG_TEST_RUN`", Linux 6.18 and some before).
/// Where it does not, only frames longer than a page are in fragments.
pub fn splits_at_will(case: &Case) -> Result<bool> {
    let (mut tap, _rings) = load_program(&settings(case), RING_SIZE, Program::of_this_kernel())?;
    match test_run(tap.program()?, &[0; 60], Some(&context(20))) {
        Ok(_) => Ok(true),
        Err(ProgramError::SyscallError(error))
            if Errno::from_io_error(&error.io_error) == Some(Errno::INVAL) =>
        {
            Ok(false)
        }
        Err(error) => Err(error).context("cannot test-run the program"),
    }
}
