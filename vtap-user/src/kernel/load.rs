//! Loads the XDP program and makes its rings.

use std::{io, thread};

use anyhow::{Context as _, Result, bail};
use aya::{
    Ebpf, EbpfLoader,
    programs::{ProgramError, ProgramType},
    sys::is_helper_supported,
    util::KernelVersion,
};
use aya_obj::generated::bpf_func_id;
use rustix::{
    event::{EventfdFlags, eventfd},
    process::{Resource, Rlimit, setrlimit},
};
use vtap_common::{
    abi::{KernelSettings, MAX_RINGS},
    select::Selection,
};

use super::{
    explain::{explain, lacking},
    generation::Tap,
    rings::Rings,
};
use crate::cpus;

/// The object that `build.rs` made.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vtap-ebpf.o"));

/// The programs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// For frames in one piece or in fragments.
    Full,
    /// For frames in one piece.
    Linear,
    /// `Full` in generic mode, where a frame may hold several datagrams.
    FullGeneric,
    /// `Linear` in generic mode.
    LinearGeneric,
}

impl Program {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Full, Self::Linear, Self::FullGeneric, Self::LinearGeneric];

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
            Self::FullGeneric => "vtap_generic",
            Self::LinearGeneric => "vtap_linear_gen",
        }
    }

    /// The same for generic mode.
    #[must_use]
    pub const fn generic(self) -> Self {
        match self {
            Self::Full | Self::FullGeneric => Self::FullGeneric,
            Self::Linear | Self::LinearGeneric => Self::LinearGeneric,
        }
    }

    /// Whether it is for generic mode.
    #[must_use]
    pub const fn is_generic(self) -> bool {
        matches!(self, Self::FullGeneric | Self::LinearGeneric)
    }

    /// Whether it takes frames in fragments.
    #[must_use]
    pub const fn takes_fragments(self) -> bool {
        matches!(self, Self::Full | Self::FullGeneric)
    }
}

/// What the program is loaded with.
pub struct TapSettings<'a> {
    /// What is captured.
    pub selection: &'a Selection,
    /// Whether tunnel packets go on to the network stack.
    pub pass: bool,
    /// Bytes of a packet that are captured at most.
    pub snaplen: u32,
    /// Whether frames begin with an IP header, and not with an Ethernet header.
    pub bare_ip: bool,
    /// How much the kernel side tells.
    pub log_level: log::LevelFilter,
}

/// Loads the program that suits this kernel and makes a ring of `ring_size` bytes for each CPU.
pub fn load(settings: &TapSettings<'_>, ring_size: u32) -> Result<(Tap, Rings)> {
    load_program(settings, ring_size, Program::of_this_kernel())
}

/// The same with either program; new kernels run both.
pub fn load_program(
    settings: &TapSettings<'_>,
    ring_size: u32,
    program: Program,
) -> Result<(Tap, Rings)> {
    check_kernel(KernelVersion::current().context("cannot tell the kernel's version")?)?;
    raise_memlock_limit();
    check_descriptors().context("cannot create the BPF maps")?;
    // To zero the memory of rings takes the kernel some milliseconds each, and the loader meanwhile
    // reads the types of the whole kernel, which it does however it is configured.
    let (tap, rings) = thread::scope(|scope| -> Result<_> {
        let rings = thread::Builder::new().spawn_scoped(scope, || Rings::make(ring_size));
        let rings = rings.context("cannot start a thread")?;
        let tap = Tap::with_maps(settings, program)?;
        Ok((tap, rings.join().expect("it does not panic")?))
    })?;
    Ok((tap.ready(&rings)?, rings))
}

/// Why a program is not loaded. The verifier's words run to thousands of lines; they are for the
/// log.
pub(super) fn load_error(error: ProgramError) -> anyhow::Error {
    let ProgramError::LoadError { io_error, verifier_log } = error else {
        return explain(&error);
    };
    let words = verifier_log.to_string();
    log::debug!("{words}");
    // Without CAP_PERFMON the verifier is stricter, and its words are then about pointers.
    match lacking() {
        Some(lacking) => anyhow::anyhow!("{io_error}; {lacking}"),
        None if words.is_empty() => explain(&io_error),
        None => anyhow::Error::new(io_error)
            .context("the kernel's verifier refused it (RUST_LOG=debug tells why)"),
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

/// Makes sure that the maps, their types and the rings can be opened. With fewer descriptors than
/// those, aya fails to try what the kernel can do and takes it for an older one, so that it is
/// another error that comes out.
fn check_descriptors() -> Result<()> {
    const MAPS_AND_TYPES: u32 = 7;
    let mut held = Vec::new();
    for _ in 0..MAPS_AND_TYPES + cpus::possible()? {
        let one = eventfd(0, EventfdFlags::CLOEXEC).map_err(io::Error::from);
        held.push(one.map_err(|error| explain(&error))?);
    }
    Ok(())
}

/// Makes the maps of the object; its programs are not loaded yet.
pub(super) fn load_object(settings: &TapSettings<'_>) -> Result<Ebpf> {
    let kernel_settings = KernelSettings {
        pass: u32::from(settings.pass),
        snaplen: settings.snaplen,
        bare_ip: u32::from(settings.bare_ip),
    };
    let log_level = settings.log_level as u8;
    let rings = cpus::possible()?;
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
        .map_err(|error| explain(&error))
        .context("cannot create the BPF maps")
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
