//! The frames that are offered.

use std::{fmt, path::Path, str::FromStr};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, Serializer};

use super::topology::{Net, TAP_DEV};
use crate::command::output;

/// How long inner frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// All of this many bytes.
    Bytes(u32),
    /// 7 of 64, 4 of 576 and 1 of 1,500 bytes.
    Imix,
}

impl Size {
    /// Bytes of the longest.
    pub fn longest(self) -> u32 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Imix => 1500,
        }
    }

    /// Bytes of a frame on average.
    pub fn average(self) -> f64 {
        match self {
            Self::Bytes(bytes) => f64::from(bytes),
            Self::Imix => f64::from(7 * 64 + 4 * 576 + 1500) / 12.0,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => formatter.pad(&bytes.to_string()),
            Self::Imix => formatter.pad("IMIX"),
        }
    }
}

impl FromStr for Size {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("imix") {
            Ok(Self::Imix)
        } else {
            text.parse().map(Self::Bytes)
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What to send.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Load {
    /// Inner frames.
    pub size: Size,
    /// Outer source ports.
    pub flows: u32,
    /// Frames per second, unless as many as can be.
    pub rate: Option<u32>,
    /// How long, besides warming up.
    pub seconds: f64,
}

/// What was sent, as the generator's program counted it.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Sent {
    /// Frames in all.
    pub frames: u64,
    /// Those of the measured run.
    pub measured: u64,
    /// How long that took while the generator had its CPU.
    pub seconds: f64,
    /// How long it took by the clock.
    pub elapsed: f64,
}

impl Load {
    /// Whether it is the same but for how long it is sent.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.size, self.flows, self.rate) == (other.size, other.flows, other.rate)
    }

    /// Sends it from one CPU.
    pub fn send(&self, tool: &Path, net: &Net, cpu: usize) -> Result<Sent> {
        let mut command = net.tap.pinned(cpu, tool);
        command.args(["generate", "-i", TAP_DEV]);
        command.args(["--flows", &self.flows.to_string()]);
        command.args(["--seconds", &self.seconds.to_string()]);
        if let Size::Bytes(bytes) = self.size {
            command.args(["--size", &bytes.to_string()]);
        }
        if let Some(rate) = self.rate {
            command.args(["--rate", &rate.to_string()]);
        }
        serde_json::from_str(&output(&mut command)?).context("the generator's report")
    }
}
