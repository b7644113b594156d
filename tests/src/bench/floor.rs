//! What no capture can be faster than.

use anyhow::Result;
use clap::Args;

use crate::object::{self, End};

/// Options of the floor.
#[derive(Args)]
pub struct Options {
    /// The interface
    #[arg(short)]
    interface: String,
}

/// Drops frames until a signal comes. The interface counts them.
pub fn run(options: &Options) -> Result<()> {
    let end = End::watch()?;
    let mut ebpf = object::load(|_| {})?;
    object::attach(&mut ebpf, "floor", &options.interface)?;
    eprintln!("dropping on {}", options.interface);
    end.wait()
}
