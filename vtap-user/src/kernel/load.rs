//! Loads the XDP program and makes its rings.

use std::{os::fd::AsFd as _, thread};

use anyhow::{Context as _, Result, bail};
use aya::{
    Ebpf, EbpfLoader,
    maps::{ArrayOfMaps, Map, MapData, PerCpuArray, RingBuf},
    programs::{ProgramError, ProgramType, RawTracePoint, Xdp},
    sys::is_helper_supported,
    util::{KernelVersion, nr_cpus, online_cpus},
};
use aya_log::EbpfLogger;
use aya_obj::generated::{bpf_func_id, bpf_map_type};
use rustix::process::{Resource, Rlimit, setrlimit};
use vtap_common::{
    abi::{Counters, CpuState, KernelSettings, MAX_RINGS},
    select::Selection,
};

use super::explain::explain;
use crate::source::live::ring::Ring;

/// The object that `build.rs` made.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vtap-ebpf.o"));

/// The programs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// For frames in one piece or in fragments.
    Full,
    /// For frames in one piece.
    Linear,
}

impl Program {
    /// The full program where the kernel can copy out of XDP frames, else the linear one.
    #[must_use]
    pub fn of_this_kernel() -> Self {
        match is_helper_supported(ProgramType::Xdp, bpf_func_id::BPF_FUNC_xdp_load_bytes) {
            Ok(true) => Self::Full,
            Ok(false) => Self::Linear,
            Err(error) => {
                // That one runs everywhere.
                log::info!("cannot tell whether this kernel has bpf_xdp_load_bytes: {error}");
                Self::Linear
            }
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "vtap",
            Self::Linear => "vtap_linear",
        }
    }
}

const RINGBUF: u32 = bpf_map_type::BPF_MAP_TYPE_RINGBUF as u32;

/// What the program is loaded with.
pub struct TapSettings<'a> {
    /// What is captured.
    pub selection: &'a Selection,
    /// Whether tunnel packets go on to the network stack.
    pub pass: bool,
    /// Bytes of a packet that are captured at most.
    pub snaplen: u32,
    /// Bytes per ring.
    pub ring_size: u32,
    /// How much the kernel side tells.
    pub log_level: log::LevelFilter,
}

/// A loaded program.
pub struct Tap {
    ebpf: Ebpf,
    program: Program,
}

/// Loads the program that suits this kernel and makes a ring for each CPU.
pub fn load(settings: &TapSettings<'_>) -> Result<(Tap, Vec<Ring>)> {
    load_program(settings, Program::of_this_kernel())
}

/// The same with either program; new kernels run both.
pub fn load_program(settings: &TapSettings<'_>, program: Program) -> Result<(Tap, Vec<Ring>)> {
    check_kernel(KernelVersion::current().context("cannot tell the kernel's version")?)?;
    raise_memlock_limit();
    // To zero the memory of rings takes the kernel some milliseconds each, and the loader meanwhile
    // reads the types of the whole kernel, which it does however it is configured.
    let (mut ebpf, maps) = thread::scope(|scope| -> Result<_> {
        let make = || make_rings(settings.ring_size);
        let maps = thread::Builder::new().spawn_scoped(scope, make);
        let maps = maps.context("cannot start a thread")?;
        let ebpf = load_object(settings)?;
        Ok((ebpf, maps.join().expect("it does not panic")?))
    })?;
    let rings = place_rings(&mut ebpf, maps, settings.ring_size)?;
    let mut tap = Tap { ebpf, program };
    tap.program()?.load().map_err(explain_load).context("cannot load the XDP program")?;
    Ok((tap, rings))
}

/// The verifier's words run to thousands of lines; they are for the log.
fn explain_load(error: ProgramError) -> anyhow::Error {
    match error {
        ProgramError::LoadError { io_error, verifier_log } => {
            log::debug!("{verifier_log}");
            explain(io_error).context("the kernel's verifier refused it (RUST_LOG=debug tells why)")
        }
        other => explain(other),
    }
}

fn check_kernel(version: KernelVersion) -> Result<()> {
    if version < KernelVersion::new(5, 10, 0) {
        bail!(
            "this kernel is {version}, and vtap needs 5.10 or later: older ones lack the BPF \
             ring buffer (5.8) or XDP links (5.9). On Oracle Linux, boot UEK 7 (5.15) or later"
        );
    }
    Ok(())
}

/// Kernels before 5.11 charge maps against `RLIMIT_MEMLOCK`. Where the limit can't be raised, the
/// map that does not fit is refused, and that error says so.
fn raise_memlock_limit() {
    let _ = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
}

fn load_object(settings: &TapSettings<'_>) -> Result<Ebpf> {
    let kernel_settings =
        KernelSettings { pass: u32::from(settings.pass), snaplen: settings.snaplen, bare_ip: 0 };
    let log_level = settings.log_level as u8;
    let rings = u32::try_from(nr_cpus().map_err(|(_, error)| error)?)?;
    if rings as usize > MAX_RINGS {
        bail!("this machine has {rings} CPUs, and vtap serves {MAX_RINGS} at most");
    }
    EbpfLoader::new()
        // Nothing is relocated against the kernel's types, so that its BTF need not be there.
        .btf(None)
        .override_global("SELECTION", settings.selection, true)
        .override_global("SETTINGS", &kernel_settings, true)
        .override_global("AYA_LOG_LEVEL", &log_level, true)
        .map_max_entries("VTAP_RINGS", rings)
        .load(OBJECT)
        .map_err(explain)
        .context("cannot create the BPF maps")
}

/// Makes a ring for each CPU.
fn make_rings(size: u32) -> Result<Vec<(u32, MapData)>> {
    let cpus = online_cpus().map_err(|(_, error)| error).context("cannot list the CPUs")?;
    let make = |cpu| {
        let definition = aya_obj::Map::new_from_params(RINGBUF, 0, 0, size, 0);
        let map = MapData::create(definition, &format!("vtap_ring_{cpu}"), None)
            .map_err(explain)
            .with_context(|| format!("cannot create a ring of {size} bytes for CPU {cpu}"))?;
        Ok((cpu, map))
    };
    cpus.into_iter().map(make).collect()
}

/// Gives the program its rings.
fn place_rings(ebpf: &mut Ebpf, maps: Vec<(u32, MapData)>, size: u32) -> Result<Vec<Ring>> {
    let map = ebpf.map_mut("VTAP_RINGS").context("the object has no map of rings")?;
    let mut outer: ArrayOfMaps<_, RingBuf<MapData>> = map.try_into()?;
    let place = |(cpu, map)| {
        let ring = RingBuf::try_from(Map::RingBuf(map))?;
        outer.set(cpu, &ring, 0)?;
        // The outer map keeps the ring alive; from here on only its pages are of use.
        Ring::new(ring.as_fd().try_clone_to_owned()?, size)
    };
    maps.into_iter().map(place).collect()
}

impl Tap {
    /// Which of the programs this kernel runs, in words.
    #[must_use]
    pub fn path(&self) -> &'static str {
        if self.takes_fragments() {
            "program `vtap`: frames in one piece or in fragments (this kernel has \
             bpf_xdp_load_bytes)"
        } else {
            "program `vtap_linear`: frames in one piece only (bpf_xdp_load_bytes, which \
             came with Linux 5.18, was not found)"
        }
    }

    /// Whether the program takes frames in fragments, as every large one is in native mode.
    #[must_use]
    pub fn takes_fragments(&self) -> bool {
        self.program == Program::Full
    }

    /// The program, to attach it.
    pub fn program(&mut self) -> Result<&mut Xdp> {
        let program = self.ebpf.program_mut(self.program.name()).context("no such program")?;
        Ok(program.try_into()?)
    }

    /// Lets packets that a driver hands over in one poll share a reading of the clock, from now on.
    pub fn share_clock(&mut self) -> Result<()> {
        let program = self.ebpf.program_mut("vtap_poll").context("no such program")?;
        let program: &mut RawTracePoint = program.try_into()?;
        program.load()?;
        program.attach("napi_poll")?;
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

    /// The ring of kernel-side messages; to be taken once.
    pub fn logger(&mut self) -> Result<EbpfLogger<&'static dyn log::Log>> {
        Ok(EbpfLogger::init(&mut self.ebpf)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_are_refused_in_words() {
        assert!(check_kernel(KernelVersion::new(5, 10, 0)).is_ok());
        assert!(check_kernel(KernelVersion::new(6, 1, 0)).is_ok());
        for (version, number) in
            [(KernelVersion::new(5, 9, 16), "5.9.16"), (KernelVersion::new(4, 18, 0), "4.18.0")]
        {
            let refused = check_kernel(version).unwrap_err().to_string();
            let begin = format!("this kernel is {number}, and vtap needs 5.10 or later");
            assert!(refused.starts_with(&begin), "{refused}");
            assert!(refused.contains("ring buffer") && refused.contains("UEK 7"), "{refused}");
        }
    }
}
