//! Figures that are no rate of packets.

use serde::Serialize;

/// One figure over several rounds.
#[derive(Debug, Serialize)]
pub struct Figure {
    pub part: Part,
    pub name: String,
    pub unit: &'static str,
    pub rounds: Vec<f64>,
}

impl Figure {
    /// Of rounds that were measured.
    pub fn new(part: Part, name: impl Into<String>, unit: &'static str, rounds: Vec<f64>) -> Self {
        Self { part, name: name.into(), unit, rounds }
    }
}

/// What a benchmark consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The rate that is reached when nothing can be lost
    Closed,
    /// What is delivered at a rate that is set
    Open,
    /// The XDP program alone
    Micro,
    /// Reading a capture file
    File,
    /// Time to start, memory, and CPU while there are no packets
    Footprint,
}

impl Part {
    /// All, in the order in which they are measured.
    pub const ALL: [Self; 5] = [Self::Micro, Self::Closed, Self::Open, Self::File, Self::Footprint];

    /// For a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Closed => "Closed loop",
            Self::Open => "Open loop",
            Self::Micro => "The XDP program alone, and emptying its ring",
            Self::File => "Reading a capture file and writing its inner packets, both in memory",
            Self::Footprint => "Start, memory, and CPU without packets",
        }
    }
}
