//! What a checked command line asks for.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use vtap_common::select::Selection;

use crate::netlink::Name;

/// `--xdp-mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum XdpMode {
    /// Native where the driver can, else generic.
    #[default]
    Auto,
    /// In the driver.
    Native,
    /// In the network stack.
    Generic,
}

/// `--verdict`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Verdict {
    /// As the host's use of the tap ports suggests.
    #[default]
    Auto,
    /// On to the network stack.
    Pass,
    /// Away.
    Drop,
}

/// A checked command line.
pub struct Plan {
    /// Where frames come from.
    pub source: Source,
    /// What is captured.
    pub selection: Box<Selection>,
    /// The rules as typed, in their order.
    pub rules: Vec<String>,
    /// The tap ports.
    pub ports: Vec<u16>,
    /// Packets after which to stop.
    pub count: Option<u64>,
    /// Bytes of a packet to take at most.
    pub snaplen: u32,
    /// How much to say of what vtap does.
    pub verbose: u8,
    /// Whether to show packets.
    pub print: bool,
    /// Where to write them.
    pub write: Option<Destination>,
    /// Whether the recording tells each packet's tunnel.
    pub annotate: bool,
    /// Where to write the counters.
    pub stats_json: Option<PathBuf>,
    /// Whether to put the interface into promiscuous mode.
    pub promiscuous: bool,
    /// How to attach.
    pub xdp_mode: XdpMode,
    /// What becomes of tunnel packets.
    pub verdict: Verdict,
    /// Bytes per ring, if chosen.
    pub ring_size: Option<u32>,
}

/// `-i` or `-r`.
pub enum Source {
    /// An interface.
    Interface(Name),
    /// A capture file; `-` is standard input.
    File(PathBuf),
}

impl Source {
    /// Its name, for people and for files.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Interface(name) => name.to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// `-w`.
pub enum Destination {
    /// Standard output, in pcapng.
    Stdout,
    /// A pcapng file.
    Pcapng(PathBuf),
    /// A pcap file.
    Pcap(PathBuf),
}

impl Destination {
    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::Pcapng(path) | Self::Pcap(path) => Some(path),
        }
    }
}
