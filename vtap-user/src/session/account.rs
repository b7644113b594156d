//! The accounts of a capture: what the kernel counted and what user space did with it.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, fmt::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use vtap_common::{
    abi::{Counters, Lost, Malformed, ProtocolClass, Traffic},
    wire::Damaged,
};

use crate::cancel::Cancel;
use crate::{
    escape,
    output::{Report, transport::whole::WholeFile},
    packet::Packet,
};

/// Network identifiers that are counted one by one; what is beyond counts as `other`. Without a
/// bound, made-up identifiers would take up the memory.
const MAX_VNIS: usize = 65_536;

/// How long after the outputs' deadline a pipe may take to take the counters.
const EXTRA: Duration = Duration::from_millis(500);

/// What user space counts.
#[derive(Default)]
pub struct Tally {
    /// Packets that came out of the rings.
    pub delivered: Traffic,
    /// Those that the outputs were given.
    pub given: u64,
    by_vni: HashMap<u32, u64>,
    /// The identifier of the last packet and how many in a row had it.
    run: (u32, u64),
    other_vnis: u64,
    by_class: [u64; ProtocolClass::NAMES.len()],
}

impl Tally {
    /// Counts a delivered packet.
    pub fn count(&mut self, packet: &Packet<'_>) {
        self.delivered.count(packet.wirelen);
        if let Some(count) = self.by_class.get_mut(packet.class as usize) {
            *count += 1;
        }
        if packet.tunnel.vni != self.run.0 {
            self.end_run();
            self.run.0 = packet.tunnel.vni;
        }
        self.run.1 += 1;
    }

    fn end_run(&mut self) {
        let (vni, count) = std::mem::take(&mut self.run);
        if count == 0 {
            return;
        }
        if self.by_vni.len() < MAX_VNIS || self.by_vni.contains_key(&vni) {
            *self.by_vni.entry(vni).or_default() += count;
        } else {
            self.other_vnis += count;
        }
    }
}

/// Everything that is known of a capture at its end, laid out as `--stats-json`.
#[derive(Serialize)]
pub struct Stats {
    version: u32,
    interface: String,
    xdp_mode: &'static str,
    verdict: &'static str,
    duration_s: f64,
    received: Sum,
    not_tunnel: u64,
    tunnel: u64,
    malformed: Reasons,
    damaged: Reasons,
    direction_unknown: u64,
    filtered: u64,
    matched: Sum,
    lost: Reasons,
    delivered: Sum,
    written: u64,
    coalesced: u64,
    outputs: Vec<OutputCount>,
    by_vni: Named,
    by_proto: Named,
    rules: Vec<RuleCount>,
}

#[derive(Serialize)]
struct Sum {
    packets: u64,
    bytes: u64,
}

impl From<Traffic> for Sum {
    fn from(Traffic { packets, bytes }: Traffic) -> Self {
        Self { packets, bytes }
    }
}

#[derive(Serialize)]
struct RuleCount {
    rule: String,
    packets: u64,
}

/// The account of an output.
#[derive(Serialize)]
struct OutputCount {
    output: String,
    packets: u64,
    dropped: u64,
    error: Option<String>,
}

impl From<&Report> for OutputCount {
    fn from(Report { output, packets, dropped, failure, .. }: &Report) -> Self {
        let error = failure.as_ref().map(|failure| failure.message.clone());
        Self { output: output.clone(), packets: *packets, dropped: *dropped, error }
    }
}

/// Counts by name, in order.
struct Named(Vec<(String, u64)>);

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, count)| (name, count)))
    }
}

/// Counts by reason, and their sum.
struct Reasons {
    total: u64,
    by_reason: Vec<(&'static str, u64)>,
}

impl Reasons {
    fn new(names: impl Iterator<Item = &'static str>, counts: &[u64]) -> Self {
        Self { total: counts.iter().sum(), by_reason: names.zip(counts.iter().copied()).collect() }
    }

    /// `3 (ring_full 2, too_long 1)`, or only the number where that is zero.
    fn words(&self) -> String {
        let reasons = self.by_reason.iter().filter(|(_, count)| *count != 0);
        let reasons: Vec<_> = reasons.map(|(name, count)| format!("{name} {count}")).collect();
        if reasons.is_empty() {
            self.total.to_string()
        } else {
            format!("{} ({})", self.total, reasons.join(", "))
        }
    }
}

impl Serialize for Reasons {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.by_reason.len()))?;
        map.serialize_entry("total", &self.total)?;
        for (name, count) in &self.by_reason {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }
}

/// The file of `--stats-json`. It appears whole or not at all, and only at the end, unless it is
/// none: a device or a pipe is written.
pub struct StatsFile(WholeFile);

impl StatsFile {
    /// Prepares to write `path`. That it can't be written is told while there is nothing to lose.
    pub fn create(path: &Path) -> Result<Self> {
        WholeFile::prepare(path).map(Self).context(FAILED)
    }

    /// Writes the counters.
    pub fn write(&self, stats: &Stats, cancel: &Cancel) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(stats)?;
        json.push(b'\n');
        self.0.write(&json, &cancel.with_extra(EXTRA)).context(FAILED)
    }
}

const FAILED: &str = "the counters";

/// Where and how a capture ran.
pub struct Setting {
    /// Interface name.
    pub interface: String,
    /// `native` or `generic`.
    pub xdp_mode: &'static str,
    /// `pass` or `drop`.
    pub verdict: &'static str,
    /// The rules as typed.
    pub rules: Vec<String>,
}

impl Stats {
    /// Puts the accounts together.
    pub fn new(
        setting: &Setting,
        took: Duration,
        counters: &Counters,
        mut tally: Tally,
        outputs: &[Report],
    ) -> Self {
        tally.end_run();
        // The recording's count, or else the lines'.
        let written = outputs.iter().find(|output| output.holds_up);
        let Counters { received, coalesced, not_tunnel, tunnel, malformed, damaged, .. } = counters;
        let Counters { filtered, matched, lost, rules, .. } = counters;
        Self {
            version: 1,
            interface: setting.interface.clone(),
            xdp_mode: setting.xdp_mode,
            verdict: setting.verdict,
            duration_s: took.as_secs_f64(),
            received: (*received).into(),
            not_tunnel: *not_tunnel,
            tunnel: *tunnel,
            malformed: Reasons::new(Malformed::ALL.iter().map(|reason| reason.name()), malformed),
            damaged: Reasons::new(Damaged::ALL.iter().map(|header| header.name()), damaged),
            // No rule has a direction yet.
            direction_unknown: 0,
            filtered: *filtered,
            matched: (*matched).into(),
            lost: Reasons::new(Lost::ALL.iter().map(|reason| reason.name()), lost),
            delivered: tally.delivered.into(),
            written: written.map_or(tally.given, |output| output.packets),
            coalesced: *coalesced,
            outputs: outputs.iter().map(OutputCount::from).collect(),
            by_vni: Named(by_vni(&tally)),
            by_proto: Named(by_proto(&tally)),
            rules: setting
                .rules
                .iter()
                .zip(rules)
                .map(|(rule, packets)| RuleCount { rule: rule.clone(), packets: *packets })
                .collect(),
        }
    }

    /// The same in words.
    pub fn summary(&self) -> String {
        let Self { interface, received, coalesced, not_tunnel, tunnel, .. } = self;
        let Self { filtered, matched, .. } = self;
        let held = if *coalesced == 0 {
            String::new()
        } else {
            format!(" ({coalesced} further datagrams coalesced in them)")
        };
        let mut text = format!(
            "{} packets delivered ({} bytes), {} written, {} lost\n\
             {} frames received on {interface}{held}: {not_tunnel} not tunnel, {tunnel} tunnel\n\
             tunnel packets: {} malformed, {filtered} filtered, {} matched\n",
            self.delivered.packets,
            self.delivered.bytes,
            self.written,
            self.lost.words(),
            received.packets,
            self.malformed.words(),
            matched.packets,
        );
        for OutputCount { output, packets, dropped, .. } in &self.outputs {
            if *dropped > 0 {
                let output = escape::name(output);
                let _ = writeln!(text, "output {output}: {packets} packets, {dropped} dropped");
            }
        }
        if self.damaged.total != 0 {
            let _ = writeln!(text, "inner packets with damaged headers: {}", self.damaged.words());
        }
        for RuleCount { rule, packets } in &self.rules {
            let _ = writeln!(text, "rule `{}`: {packets} packets", escape::name(rule));
        }
        text
    }
}

fn by_vni(tally: &Tally) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = tally.by_vni.iter().map(|(vni, count)| (*vni, *count)).collect();
    counts.sort_unstable();
    let other = (tally.other_vnis != 0).then(|| ("other".to_owned(), tally.other_vnis));
    counts.into_iter().map(|(vni, count)| (vni.to_string(), count)).chain(other).collect()
}

fn by_proto(tally: &Tally) -> Vec<(String, u64)> {
    let counts = ProtocolClass::NAMES.iter().zip(tally.by_class);
    counts.map(|((_, name), count)| ((*name).to_owned(), count)).collect()
}
