//! A capture file as tcpdump would have made it, of mirrored frames.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use vtap_tests::frames::{assortment, mirrored};

use crate::traffic::{self, IMIX};

/// Options of the file.
#[derive(Args)]
pub struct Options {
    /// The file
    path: PathBuf,
    /// Bytes of the file, about
    #[arg(long, conflicts_with = "packets", required_unless_present = "packets")]
    bytes: Option<u64>,
    /// Packets of many kinds, instead of a mix of sizes
    #[arg(long)]
    packets: Option<u64>,
}

/// Between packets, in nanoseconds.
const GAP: u64 = 1000;
/// Headers of file and packet (draft-ietf-opsawg-pcap): nanoseconds, Ethernet.
const MAGIC: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const SNAPLEN: u32 = 262_144;

/// Writes it.
pub fn run(options: &Options) -> Result<()> {
    let frames = match options.packets {
        Some(_) => assortment().iter().map(|inner| mirrored(7, inner)).collect(),
        None => IMIX.into_iter().map(traffic::frame).collect::<Result<Vec<_>>>()?,
    };
    ensure!(!frames.is_empty(), "no frames");
    let file = File::create(&options.path)
        .with_context(|| format!("cannot create {}", options.path.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    for word in [MAGIC, 4 << 16 | 2, 0, 0, SNAPLEN, ETHERNET] {
        file.write_all(&word.to_ne_bytes())?;
    }
    let (mut bytes, limit) = (24, options.bytes.unwrap_or(u64::MAX));
    for (number, frame) in (0..options.packets.unwrap_or(u64::MAX)).zip(frames.iter().cycle()) {
        if bytes >= limit {
            break;
        }
        let (time, len) = (number * GAP, u32::try_from(frame.len())?);
        let seconds = u32::try_from(time / 1_000_000_000)?;
        let nanoseconds = (time % 1_000_000_000) as u32;
        for word in [seconds, nanoseconds, len, len] {
            file.write_all(&word.to_ne_bytes())?;
        }
        file.write_all(frame)?;
        bytes += 16 + u64::from(len);
    }
    file.flush().context("cannot write the file")
}
