//! Frames that are tested always, whatever the seed: those on which the two sides once disagreed,
//! and those about the limits.

use anyhow::{Context as _, Result};
use vtap_tests::hostile;

/// Compiled in, as the tests also run where their source is not.
const FRAMES: &str = include_str!("regressions.txt");

/// All of them.
pub fn frames() -> Result<Vec<Vec<u8>>> {
    let lines = FRAMES.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let mut frame =
                hex::decode(line).with_context(|| format!("regressions.txt:{}", number + 1))?;
            hostile::fit(&mut frame);
            Ok(frame)
        })
        .collect()
}
