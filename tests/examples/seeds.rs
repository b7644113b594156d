//! Writes the seeds of the fuzz target `examine`: one frame of each kind, and some damaged ones.
//!
//! `cargo run --package vtap-tests --example seeds vtap-common/fuzz/seeds/examine`

use std::{env, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use vtap_tests::{frames, hostile};

/// The seed of the damaged ones, and how many there are.
const SEED: u64 = 7348;
const HOSTILE: u64 = 60;
/// Longer ones would only slow the fuzzer down.
const LONGEST: usize = 400;

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from).context("name a folder")?;
    fs::create_dir_all(&folder)?;
    let mirrored = frames::assortment().into_iter().map(|inner| frames::mirrored(7, &inner));
    let hostile = (0..HOSTILE).map(|number| hostile::frame(SEED, number));
    let short = mirrored.chain(hostile).filter(|frame| frame.len() <= LONGEST);
    for (number, frame) in short.enumerate() {
        // Which selection, and where the frame is split: see the target.
        let input = [&[0, 20 + number as u8, 30], &frame[..]].concat();
        fs::write(folder.join(format!("{number:03}")), input)?;
    }
    Ok(())
}
