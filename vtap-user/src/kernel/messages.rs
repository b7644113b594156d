//! The messages of the kernel side, which `RUST_LOG` asks for.

use anyhow::Result;
use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::JoinHandle,
};

/// Hands on messages until it is dropped.
pub struct Relay(JoinHandle<()>);

/// Logs the messages of an object, if any are asked for.
pub fn relay(ebpf: &mut Ebpf) -> Result<Option<Relay>> {
    if log::max_level() == log::LevelFilter::Off {
        return Ok(None);
    }
    let messages = EbpfLogger::init(ebpf)?;
    // SAFETY: the logger owns its descriptor and closes it only when it is dropped.
    let mut messages = unsafe { AsyncFd::register_with_interest(messages, Interest::READABLE) }?;
    Ok(Some(Relay(tokio::spawn(async move {
        while let Ok(mut ready) = messages.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    }))))
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.0.abort();
    }
}
