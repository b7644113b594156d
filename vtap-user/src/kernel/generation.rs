//! One generation of the program: loaded, with counters and tracepoints of its own, writing to the
//! rings of the session. What it is loaded with never changes; to change that, the next generation
//! takes its place in the link ([`super::attach`]).

use std::{os::fd::AsFd as _, thread};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    maps::{Array, MapData, PerCpuArray},
    programs::{RawTracePoint, Xdp},
};
use vtap_common::abi::{Counters, CpuState, SkbLayout};

use super::{
    clock,
    explain::explain,
    load::{Program, TapSettings, load_error, load_object},
    messages::{self, Relay},
    rings::Rings,
    segments::skb_layout,
};

/// What is known of the datagrams in a frame that reaches the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// There is one: nothing has merged any.
    Single,
    /// There may be several. The tracepoint `netif_receive_skb` fires before the program runs, and
    /// notes how many.
    Noted,
    /// There may be several, and nothing tells.
    Unknown,
}

/// A loaded program.
pub struct Tap {
    ebpf: Ebpf,
    program: Program,
    pass: bool,
    /// While it is there, the program's messages are logged.
    relay: Option<Relay>,
}

impl Tap {
    /// Loads one of the programs, which will write to these rings.
    pub fn load(settings: &TapSettings<'_>, program: Program, rings: &Rings) -> Result<Self> {
        let tap = Self::with_maps(settings, program)?;
        tap.ready(rings)
    }

    /// Makes its maps.
    pub(super) fn with_maps(settings: &TapSettings<'_>, program: Program) -> Result<Self> {
        Ok(Self { ebpf: load_object(settings)?, program, pass: settings.pass, relay: None })
    }

    /// Gives it its rings and has it verified, both at the same time: the one waits, the other
    /// computes.
    pub(super) fn ready(mut self, rings: &Rings) -> Result<Self> {
        let outer = self.map("VTAP_RINGS")?.fd().as_fd().try_clone_to_owned()?;
        let program = self.program()?;
        let place = || rings.place_in(outer.as_fd());
        thread::scope(|scope| {
            let placed = thread::Builder::new().spawn_scoped(scope, place);
            program.load().map_err(load_error).context("cannot load the XDP program")?;
            // Without a thread, it only takes longer.
            placed.map_or_else(|_| place(), |thread| thread.join().expect("it does not panic"))
        })?;
        Ok(self)
    }

    /// Which of the programs this kernel runs, in words.
    #[must_use]
    pub fn path(&self) -> String {
        let frames = if self.takes_fragments() {
            "frames in one piece or in fragments (this kernel has bpf_xdp_load_bytes)"
        } else {
            "frames in one piece only (bpf_xdp_load_bytes, which came with Linux 5.18, was not found)"
        };
        format!("program `{}`: {frames}", self.program.name())
    }

    /// Which of the programs it is.
    pub(super) const fn which(&self) -> Program {
        self.program
    }

    /// Whether the program takes frames in fragments, as every large one is in native mode.
    #[must_use]
    pub fn takes_fragments(&self) -> bool {
        self.program.takes_fragments()
    }

    /// Whether tunnel packets go on to the network stack.
    #[must_use]
    pub const fn passes(&self) -> bool {
        self.pass
    }

    /// The program, to attach or to test it.
    pub fn program(&mut self) -> Result<&mut Xdp> {
        let program = self.ebpf.program_mut(self.program.name()).context("no such program")?;
        Ok(program.try_into()?)
    }

    /// Nanoseconds that this process's `CLOCK_MONOTONIC` is ahead of the kernel's.
    pub fn clock_ahead(&mut self) -> Result<i64> {
        clock::ahead(&mut self.ebpf)
    }

    /// Its id in the kernel.
    pub(super) fn id(&self) -> Result<u32> {
        let program = self.ebpf.program(self.program.name()).context("no such program")?;
        let program: &Xdp = program.try_into()?;
        Ok(program.info()?.id())
    }

    /// Starts what works beside the XDP program, so that it is there for the first packet: the
    /// relay of its messages and, with `share_clock`, the tracepoint that tells where a poll ends.
    /// Without that, packets only take longer.
    pub(super) fn start_companions(&mut self, share_clock: bool) -> Result<()> {
        self.relay = messages::relay(&mut self.ebpf)?;
        if share_clock && let Err(error) = self.attach_tracepoint("vtap_poll", "napi_poll") {
            log::info!("every packet has its own reading of the clock: {error:#}");
        }
        Ok(())
    }

    /// Changes to the program for these frames. Where several datagrams in a frame can be noted but
    /// that fails, user space divides frames if it is certain how.
    pub(super) fn expect(&mut self, frames: Frames) -> Result<()> {
        if frames == Frames::Single {
            return Ok(());
        }
        if !self.program.is_generic() {
            self.program = self.program.generic();
            self.program()?.load().map_err(load_error).context("cannot load the XDP program")?;
        }
        if frames == Frames::Noted
            && let Err(error) = self.watch_segments()
        {
            log::info!("how many datagrams a frame holds is not known: {error:#}");
        }
        Ok(())
    }

    fn watch_segments(&mut self) -> Result<()> {
        let map = self.ebpf.map_mut("VTAP_SKB").context("no such map")?;
        let mut layout: Array<_, SkbLayout> = map.try_into()?;
        layout.set(0, skb_layout()?, 0)?;
        self.attach_tracepoint("vtap_segment", "netif_receive_skb")
    }

    fn attach_tracepoint(&mut self, program: &str, tracepoint: &str) -> Result<()> {
        let program = self.ebpf.program_mut(program).context("no such program")?;
        let program: &mut RawTracePoint = program.try_into()?;
        program.load().map_err(load_error)?;
        program.attach(tracepoint).map_err(|error| explain(&error))?;
        Ok(())
    }

    /// What all CPUs have counted so far.
    pub fn counters(&self) -> Result<Counters> {
        let map = self.ebpf.map("VTAP_STATE").context("the object has no counters")?;
        let states: PerCpuArray<_, CpuState> = map.try_into()?;
        let mut sum = Counters::ZERO;
        for state in states.get(&0, 0).context("cannot read the counters")?.iter() {
            sum.add(&state.counters);
        }
        Ok(sum)
    }

    fn map(&self, name: &str) -> Result<&MapData> {
        match self.ebpf.map(name) {
            Some(aya::maps::Map::ArrayOfMaps(map)) => Ok(map),
            _ => anyhow::bail!("the object has no array of maps `{name}`"),
        }
    }
}
