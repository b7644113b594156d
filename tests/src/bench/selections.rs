//! What the XDP program is loaded with, given as a user would.

use anyhow::{Result, bail};
use clap::Parser as _;
use vtap_common::select::Selection;
use vtap_user::{
    cli::{Cli, Command},
    kernel::{self, Tap, TapSettings},
    source::live::ring::Ring,
};

/// Rules of which the last one selects UDP, and the others nothing of what is sent here.
pub fn rules(count: usize) -> Vec<String> {
    let exclude = |n| format!("exclude proto udp src 10.{n}.0.0/16 dst-port {}", 6000 + n);
    let rules = (1..count).map(exclude).chain(["include proto udp".into()]);
    rules.flat_map(|rule| ["--rule".into(), rule]).collect()
}

/// What arguments of `vtap capture` select.
fn selection(args: &[String]) -> Result<Box<Selection>> {
    let words = ["vtap", "capture", "-i", "lo"].into_iter().map(str::to_owned);
    let Command::Capture(args) = Cli::try_parse_from(words.chain(args.to_vec()))?.command;
    match args.check() {
        Ok(plan) => Ok(plan.selection),
        Err(error) => bail!(error),
    }
}

/// Bytes of each ring.
pub const RING_SIZE: u32 = 16 << 20;

/// The program as `vtap capture` would load it.
pub fn load(args: &[String]) -> Result<(Tap, Vec<Ring>)> {
    let settings = TapSettings {
        selection: &*selection(args)?,
        pass: false,
        snaplen: u32::MAX,
        bare_ip: false,
        log_level: log::LevelFilter::Off,
    };
    let (tap, rings) = kernel::load(&settings, RING_SIZE)?;
    Ok((tap, rings.consumers()?))
}
