//! The outputs that a command line asks for.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::{
    collision, compression,
    format::{Format, lines::Lines, pcap::Pcap, pcapng::Pcapng},
    lane::{Lane, Parts, policy::Policy},
    transport,
};
use crate::{
    cancel::Cancel,
    escape,
    plan::{Destination, Plan},
};

/// Makes the parts of an output, if the plan asks for it.
type Make = fn(&Plan, &Cancel) -> Result<Option<Parts>>;

/// All outputs, in the order of the accounts.
const ALL: &[Make] = &[recording, lines];

/// Opens what the plan asks for. What is in a file stays there until the first write.
pub fn open(plan: &Plan, cancel: &Cancel) -> Result<Vec<Lane>> {
    // All are open before the first thread starts: whatever fails, nothing was written.
    let parts = ALL.iter().map(|make| make(plan, cancel)).collect::<Result<Vec<_>>>()?;
    collision::refuse(plan)?;
    parts.into_iter().flatten().map(|parts| Lane::start(parts, cancel)).collect()
}

/// `-w`.
fn recording(plan: &Plan, cancel: &Cancel) -> Result<Option<Parts>> {
    let Some(destination) = &plan.write else { return Ok(None) };
    let policy = Policy::HoldUp;
    let format: Box<dyn Format> = match destination {
        Destination::Pcap(_) => Box::new(Pcap),
        Destination::Stdout | Destination::Pcapng(_) => {
            Box::new(Pcapng::new(plan.source.name(), plan.annotate))
        }
    };
    let Some(path) = destination.path() else {
        return to_stdout("-", policy, format).map(Some);
    };
    Ok(Some(Parts {
        output: path.display().to_string(),
        name: escape::path(path).to_string(),
        policy,
        format,
        compression: compress(path)?,
        transport: transport::create(path, cancel)?,
    }))
}

/// One line per packet. Beside a recording, whoever reads them only looks on.
fn lines(plan: &Plan, _: &Cancel) -> Result<Option<Parts>> {
    let policy = if plan.write.is_some() { Policy::LetGo } else { Policy::HoldUp };
    plan.print.then(|| to_stdout("stdout", policy, Box::new(Lines))).transpose()
}

fn to_stdout(output: &str, policy: Policy, format: Box<dyn Format>) -> Result<Parts> {
    Ok(Parts {
        output: output.into(),
        name: "standard output".into(),
        policy,
        format,
        compression: None,
        transport: transport::stdout()?,
    })
}

fn compress(path: &Path) -> Result<Option<Box<dyn compression::Compression>>> {
    compression::of(path).with_context(|| format!("cannot compress {}", escape::path(path)))
}
