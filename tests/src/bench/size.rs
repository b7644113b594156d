//! How large the XDP program is once the kernel has removed what is not selected: it depends on no
//! clock, and so is the same on a busy machine.

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::selections::{load, rules};

/// Of one selection.
#[derive(Serialize)]
struct Size {
    selection: String,
    /// BPF instructions that remain.
    instructions: u32,
    /// Instructions that the verifier looked at on the way: the load time, and the distance to its
    /// limit of a million.
    verified: Option<u32>,
}

/// Prints the sizes.
pub fn run() -> Result<()> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let selections: [(&str, Vec<String>); 4] = [
        ("everything", Vec::new()),
        ("flags", words("--vni 7 --proto tcp --inner-port 23 --src 10.0.0.0/24")),
        ("10 rules", rules(10)),
        ("64 rules", rules(64)),
    ];
    let sizes = selections.into_iter().map(|(selection, args)| size(selection, &args));
    println!("{}", serde_json::to_string(&sizes.collect::<Result<Vec<_>>>()?)?);
    Ok(())
}

fn size(selection: &str, args: &[String]) -> Result<Size> {
    let (mut tap, _rings) = load(args)?;
    let info = tap.program()?.info()?;
    let bytes = info.size_translated().context("the kernel does not tell a program's size")?;
    Ok(Size {
        selection: selection.to_owned(),
        instructions: bytes / 8,
        verified: info.verified_instruction_count(),
    })
}
