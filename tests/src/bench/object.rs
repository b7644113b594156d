//! The benchmark's programs, loaded.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    programs::{Xdp, XdpMode, xdp::XdpLinkId},
};
use nix::sys::signal::{SigSet, Signal};

/// The object that `build.rs` made.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vtap-bench.o"));

/// Loads the object, after `set` has set its variables.
pub fn load<'a>(set: impl FnOnce(&mut EbpfLoader<'a>)) -> Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    set(loader.btf(None));
    loader.load(OBJECT).context("cannot load the benchmark's programs")
}

/// Attaches one of the programs natively.
pub fn attach(ebpf: &mut Ebpf, program: &str, interface: &str) -> Result<XdpLinkId> {
    let xdp: &mut Xdp = ebpf.program_mut(program).context("no such program")?.try_into()?;
    xdp.load()?;
    xdp.attach(interface, XdpMode::Driver)
        .with_context(|| format!("cannot attach `{program}` natively to {interface}"))
}

/// Signals that end a receiver. To be made before there are threads.
pub struct End(SigSet);

impl End {
    /// From here on the signals are held back.
    pub fn watch() -> Result<Self> {
        let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM]);
        signals.thread_block()?;
        Ok(Self(signals))
    }

    /// Waits for one of them.
    pub fn wait(self) -> Result<()> {
        self.0.wait()?;
        Ok(())
    }

    /// A flag that is set once there was one.
    pub fn flag(self) -> Arc<AtomicBool> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        std::thread::spawn(move || {
            let _ = self.0.wait();
            flag.store(true, Ordering::Relaxed);
        });
        ended
    }
}
