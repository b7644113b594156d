//! Outputs that would destroy each other, or what is read, are refused before anything is written.
//!
//! What counts is not how they are named but what the names lead to: a device and an inode, to which
//! paths, links, `/dev/stdout` and redirections by a shell may all lead.

use std::path::Path;

use anyhow::{Result, bail};
use rustix::{
    fs::{FileType, Stat, fstat, major, stat},
    stdio,
};

use super::transport::whole;
use crate::{
    escape,
    plan::{Destination, Plan, Source},
};

/// The major number of `/dev/null`, `/dev/zero` and `/dev/full`.
const MEMORY: u32 = 1;

/// Something that is read or written.
struct End {
    /// What the user calls it.
    name: String,
    role: Role,
    found: Stat,
}

/// What is done to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is read.
    Source,
    /// Packets are written to it.
    Recording,
    /// Text is written to it, which other text may precede and follow.
    Text,
    /// So are messages, at any time.
    Messages,
    /// It is replaced by another file.
    Replaced,
}

/// Refuses what two of the plan's ends have in common. All files to write are there by now.
pub fn refuse(plan: &Plan) -> Result<()> {
    let ends = ends(plan);
    for (number, one) in ends.iter().enumerate() {
        if let Some(other) = ends[..number].iter().find(|other| collide(one, other)) {
            bail!(
                "{} and {} lead to the same file, and one would destroy the other: name another",
                other.name,
                one.name
            );
        }
    }
    Ok(())
}

fn ends(plan: &Plan) -> Vec<End> {
    let at = |flag: &str, path: &Path, role| {
        let name = format!("{flag} {}", escape::path(path));
        stat(path).ok().map(|found| End { name, role, found })
    };
    let open =
        |name: &str, fd, role| fstat(fd).ok().map(|found| End { name: name.into(), role, found });
    let stdout = || open("standard output", stdio::stdout(), Role::Text);
    let source = match &plan.source {
        Source::File(path) if path == Path::new("-") => open("-r -", stdio::stdin(), Role::Source),
        Source::File(path) => at("-r", path, Role::Source),
        Source::Interface(_) => None,
    };
    let recording = match &plan.write {
        Some(Destination::Stdout) => open("-w -", stdio::stdout(), Role::Recording),
        Some(Destination::Pcapng(path) | Destination::Pcap(path)) => {
            at("-w", path, Role::Recording)
        }
        None => None,
    };
    let lines = plan.print.then(stdout).flatten();
    let counters = plan.stats_json.as_deref().and_then(|path| {
        let role = if whole::is_replaced(path) { Role::Replaced } else { Role::Text };
        at("--stats-json", path, role)
    });
    let messages = open("standard error", stdio::stderr(), Role::Messages);
    [source, recording, lines, counters, messages].into_iter().flatten().collect()
}

fn collide(one: &End, other: &End) -> bool {
    let is_same = (one.found.st_dev, one.found.st_ino) == (other.found.st_dev, other.found.st_ino);
    let has = |role| one.role == role || other.role == role;
    let are_lines = |role| matches!(role, Role::Text | Role::Messages);
    is_same
        && !(are_lines(one.role) && are_lines(other.role))
        && match FileType::from_raw_mode(one.found.st_mode) {
            // `/dev/null` and its kin keep nothing. A terminal shows whatever comes, and packets
            // among messages there are no worse than packets alone.
            FileType::CharacterDevice => major(one.found.st_rdev) != MEMORY && !has(Role::Messages),
            // What is read from a socket is not what is written to it.
            FileType::Socket => !has(Role::Source),
            _ => true,
        }
}
