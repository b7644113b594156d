//! One subject under one load.

use std::{
    fs::{self, File},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;

use super::{
    cpu::{Cores, NapiThread, cpu_time},
    figure::Part,
    generator::{Load, Sent},
    subject::{Binaries, Ended, MEMORY, STDERR, STDOUT, Scene, Subject},
    topology::Net,
};
use crate::{
    command::{Running, wait_until},
    interrupts::Interrupts,
};

/// Longer than starting or stopping anything takes.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between looks at whether a subject still works off what it has received.
const SETTLE: Duration = Duration::from_millis(100);
/// CPU time within that which counts as idle, in seconds.
const IDLE: f64 = 0.002;

/// Which core receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Loop {
    /// The generator's: frames can't come faster than they are received, and the rate reached says
    /// what a packet costs.
    Closed,
    /// The capture's: frames come at the rate that is set, and some may be lost.
    Open,
}

impl Loop {
    /// The part of the benchmark.
    pub fn part(self) -> Part {
        match self {
            Self::Closed => Part::Closed,
            Self::Open => Part::Open,
        }
    }
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub subject: String,
    pub setting: Loop,
    pub load: Load,
    pub round: usize,
    /// Frames sent.
    pub sent: u64,
    /// Frames that found the target's queue full.
    pub dropped: u64,
    /// Packets that the subject delivered.
    pub delivered: u64,
    /// Millions of frames sent per second.
    pub offered_mpps: f64,
    /// Millions of packets delivered per second.
    pub mpps: f64,
    /// How much of the time the generator had its CPU: nearly all of it on a quiet machine.
    pub had_cpu: f64,
    /// CPU seconds per million packets delivered: those of the subject and, in the open loop, of
    /// the kernel's receiving thread.
    pub cpu: f64,
}

impl Sample {
    /// Delivered packets over frames sent.
    pub fn share(&self) -> f64 {
        self.delivered as f64 / self.sent as f64
    }

    /// Bits of inner frames delivered per second.
    pub fn gbps(&self) -> f64 {
        self.mpps * self.load.size.average() * 8.0 / 1000.0
    }
}

/// What all measurements share.
pub struct Bench {
    pub binaries: Binaries,
    pub cores: Cores,
    pub interrupts: Interrupts,
}

impl Bench {
    /// Measures, in a network of its own.
    pub fn measure(
        &self,
        subject: &dyn Subject,
        setting: Loop,
        load: Load,
        round: usize,
    ) -> Result<Sample> {
        self.interrupts.check()?;
        let dir = tempfile::Builder::new().prefix("vtap-bench-").tempdir_in(MEMORY)?;
        let net = Net::make(load.size.longest())?;
        let napi = match setting {
            Loop::Closed => None,
            Loop::Open => Some(net.poll_on(self.cores.capture)?),
        };
        let scene =
            Scene { net: &net, cores: self.cores, binaries: &self.binaries, dir: dir.path() };
        subject.prepare(&scene)?;
        let (sent, cpu_seconds) = self.load(subject, &scene, napi.as_ref(), &load)?;
        let (arrived, dropped) = (net.arrived()?, net.dropped()?);
        ensure!(
            arrived + dropped == sent.frames,
            "{} frames were sent, {arrived} arrived, {dropped} were dropped",
            sent.frames
        );
        let ended = Ended { dir: dir.path(), arrived };
        let delivered = subject.delivered(&ended)?;
        let offered_mpps = sent.measured as f64 / sent.seconds / 1e6;
        Ok(Sample {
            subject: subject.name().to_owned(),
            setting,
            load,
            round,
            sent: sent.frames,
            dropped,
            delivered,
            offered_mpps,
            had_cpu: sent.seconds / sent.elapsed,
            mpps: offered_mpps * delivered as f64 / sent.frames as f64,
            cpu: cpu_seconds / (delivered.max(1) as f64 / 1e6),
        })
    }

    /// Runs a subject while frames are sent; returns what was sent, and the seconds of CPU time that
    /// receiving it took.
    fn load(
        &self,
        subject: &dyn Subject,
        scene: &Scene<'_>,
        napi: Option<&NapiThread>,
        load: &Load,
    ) -> Result<(Sent, f64)> {
        let mut running = self.start(subject, scene)?;
        let pid = running.id();
        let cpu =
            || -> Result<f64> { Ok(cpu_time(pid)? + napi.map_or(Ok(0.0), NapiThread::cpu_time)?) };
        let before = cpu()?;
        let sent = load.send(&self.binaries.tool, scene.net, self.cores.generator)?;
        settle(pid)?;
        let used = cpu()? - before;
        ensure!(running.ended()?.is_none(), "it ended by itself: {}", said(scene));
        let status = running.finish(PATIENCE)?;
        ensure!(status.success(), "{status}: {}", said(scene));
        self.interrupts.check()?;
        Ok((sent, used))
    }

    fn start(&self, subject: &dyn Subject, scene: &Scene<'_>) -> Result<Running> {
        let file = |name| File::create(scene.dir.join(name));
        let mut command = subject.command(scene);
        let mut running = Running::start(command.stdout(file(STDOUT)?).stderr(file(STDERR)?))?;
        let ready = wait_until(PATIENCE, || {
            if running.ended()?.is_some() {
                bail!("it did not start: {}", said(scene));
            }
            self.interrupts.check()?;
            Ok(said(scene).contains(subject.ready()))
        })?;
        ensure!(ready, "it did not start in time: {}", said(scene));
        Ok(running)
    }
}

fn said(scene: &Scene<'_>) -> String {
    let said = fs::read(scene.dir.join(STDERR)).unwrap_or_default();
    String::from_utf8_lossy(&said).trim().to_owned()
}

/// Waits until a process has worked off what it has received.
fn settle(pid: u32) -> Result<()> {
    let mut before = cpu_time(pid)?;
    let idle = wait_until(PATIENCE, || {
        sleep(SETTLE);
        let now = cpu_time(pid).context("it ended by itself")?;
        Ok(now - std::mem::replace(&mut before, now) < IDLE)
    })?;
    ensure!(idle, "it was still busy long after the last frame");
    Ok(())
}
