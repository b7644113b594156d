//! Sends frames: `BPF_PROG_TEST_RUN` hands them to a program that redirects them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::{
    Ebpf, Pod,
    maps::{MapData, PerCpuArray},
    programs::{SchedClassifier, TestRun as _, TestRunAttrs, TestRunOptions, Xdp},
};
use clap::Args;
use serde::Serialize;

use crate::{
    object,
    traffic::{
        self, IMIX,
        shape::{COPIES, MIX, Shape},
    },
};

/// Options of the generator.
#[derive(Args)]
pub struct Options {
    /// The interface to send into
    #[arg(short)]
    interface: String,
    /// Bytes of the inner frame; without, a mix
    #[arg(long)]
    size: Option<usize>,
    /// Outer source ports; a power of two
    #[arg(long, default_value_t = 1)]
    flows: u32,
    /// Frames per second; without, as many as can be
    #[arg(long)]
    rate: Option<u32>,
    /// Seconds to measure for, after some warming up
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// What was sent.
#[derive(Serialize)]
struct Sent {
    /// Frames in all.
    frames: u64,
    /// Those of the measured run.
    measured: u64,
    /// How long that took by the kernel's own account, which leaves out making the frames' memory
    /// and giving it back, and when others had the CPU.
    seconds: f64,
    /// How long it took by the clock.
    elapsed: f64,
}

/// The longest frame that fits the page of a live frame, with the headroom and the trailer that the
/// kernel adds (`net/bpf/test_run.c`).
const LARGEST_LIVE: usize = 3400;
/// Frames of the first run when the rate is not known.
const WARM_UP: u32 = 100_000;
const WARM_UP_TIME: f64 = 0.1;
/// Frames after which the receiving interface is told: what one poll of it takes, or fewer where
/// frames are rare and would else arrive in bursts.
const BATCH: u32 = 64;
const BATCHES_PER_SECOND: u32 = 20_000;

/// Sends, and prints what was sent.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.flows.is_power_of_two(), "the number of flows must be a power of two");
    let generator = Generator::new(options)?;
    let first = options.rate.map_or(WARM_UP, |rate| frames(f64::from(rate), WARM_UP_TIME));
    let took = generator.send(first)?;
    let warm_up = generator.sent()?;
    let rate = options.rate.map_or(warm_up as f64 / took, f64::from);
    let begin = Instant::now();
    let seconds = generator.send(frames(rate, options.seconds))?;
    let elapsed = begin.elapsed().as_secs_f64();
    let frames = generator.sent()?;
    let sent = Sent { frames, measured: frames - warm_up, seconds, elapsed };
    println!("{}", serde_json::to_string(&sent)?);
    Ok(())
}

#[expect(clippy::cast_sign_loss, reason = "neither is negative")]
fn frames(rate: f64, seconds: f64) -> u32 {
    ((rate * seconds) as u32).max(1)
}

/// Seconds of all runs together. The kernel tells the mean of one in whole nanoseconds, cut off.
fn in_all(mean: Duration, runs: u32) -> f64 {
    (mean.as_nanos() as f64 + 0.5) * f64::from(runs) / 1e9
}

struct Generator {
    ebpf: Ebpf,
    frame: Vec<u8>,
    batch: u32,
}

impl Generator {
    fn new(options: &Options) -> Result<Self> {
        let ifindex = nix::net::if_::if_nametoindex(options.interface.as_str())
            .with_context(|| format!("no interface {}", options.interface))?;
        let largest = IMIX.into_iter().max().unwrap_or_default();
        let frame = traffic::frame(options.size.unwrap_or(largest))?;
        let frame_len = if options.size.is_some() { u32::try_from(frame.len())? } else { 0 };
        // In 1/256 ns.
        let gap = options.rate.map_or(0, |rate| (1_000_000_000_u64 << 8) / u64::from(rate.max(1)));
        let shapes = Shapes(traffic::shapes()?);
        let flow_mask = options.flows - 1;
        let mut ebpf = object::load(|loader| {
            loader
                .override_global("IFINDEX", &ifindex, true)
                .override_global("FRAME_LEN", &frame_len, true)
                .override_global("FLOW_MASK", &flow_mask, true)
                .override_global("GAP", &gap, true)
                .override_global("SHAPES", &shapes, true);
        })?;
        if frame.len() > LARGEST_LIVE {
            ensure!(options.flows == 1, "large frames are sent as one flow");
            let program: &mut SchedClassifier =
                ebpf.program_mut("generate_large").context("no generator")?.try_into()?;
            program.load()?;
        } else {
            let program: &mut Xdp =
                ebpf.program_mut("generate").context("no generator")?.try_into()?;
            program.load()?;
        }
        let batch = options.rate.map_or(BATCH, |rate| (rate / BATCHES_PER_SECOND).clamp(1, BATCH));
        Ok(Self { ebpf, frame, batch })
    }

    /// Sends about as many frames, in one test run; returns how many seconds that took.
    fn send(&self, frames: u32) -> Result<f64> {
        if self.frame.len() > LARGEST_LIVE {
            return self.send_large(frames);
        }
        let program: &Xdp = self.ebpf.program("generate").context("no generator")?.try_into()?;
        let result = program.test_run(TestRunOptions {
            data_in: Some(&self.frame),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(self.batch),
            ..TestRunOptions::new()
        })?;
        Ok(in_all(result.duration, frames))
    }

    fn send_large(&self, frames: u32) -> Result<f64> {
        let repeat = (frames / COPIES).max(1);
        let program: &SchedClassifier =
            self.ebpf.program("generate_large").context("no generator")?.try_into()?;
        let result = program.test_run(TestRunOptions {
            // The program appends the rest.
            data_in: Some(&self.frame[..LARGEST_LIVE]),
            repeat,
            ..TestRunOptions::new()
        })?;
        Ok(in_all(result.duration, repeat))
    }

    /// Frames sent so far.
    fn sent(&self) -> Result<u64> {
        let map = self.ebpf.map("SENT").context("no counter")?;
        let counter: PerCpuArray<&MapData, u64> = map.try_into()?;
        Ok(counter.get(&0, 0)?.iter().sum())
    }
}

#[derive(Clone, Copy)]
#[repr(transparent)]
struct Shapes([Shape; MIX]);

// SAFETY: integers without padding.
unsafe impl Pod for Shapes {}
