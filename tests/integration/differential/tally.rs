//! How often each kind of frame occurred: who reads it sees that the generator reaches all.

use std::fmt;

use anyhow::{Result, ensure};
use vtap_user::kernel::Program;

use super::Comparison;
use vtap_common::{
    Matched, Outcome,
    counters::Counters,
    outer::Datagram,
    reason::Malformed,
    record::{ProtocolClass, RecordHeader},
    tunnel::LinkType,
};

/// Kinds with how often each occurred.
pub struct Tally {
    counters: Counters,
    classes: [u64; ProtocolClass::NAMES.len()],
    raw_ip: u64,
    outer_v6: u64,
    cut: u64,
    splits: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let counters = Counters::ZERO;
        Self { counters, classes: [0; _], raw_ip: 0, outer_v6: 0, cut: 0, splits: 0 }
    }
}

impl Tally {
    /// Counts what the counters do not tell.
    pub fn outcome(&mut self, outcome: &Outcome) {
        let Outcome::Matched(matched @ Matched { datagram, tunnel, inner }) = outcome else {
            return;
        };
        let header = RecordHeader::new(matched, 0, 0, 0);
        self.classes[header.class()] += 1;
        self.raw_ip += u64::from(tunnel.link() == LinkType::RawIp);
        self.outer_v6 += u64::from(is_v6(datagram));
        self.cut += u64::from(inner.wirelen > inner.len);
    }

    /// Adds what was counted with one selection.
    pub fn add(&mut self, comparison: &Comparison<'_>) {
        self.counters.add(&comparison.expected());
        self.splits += comparison.splits();
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let Self { counters, classes, raw_ip, outer_v6, cut, splits } = other;
        self.counters.add(counters);
        self.classes.iter_mut().zip(classes).for_each(|(sum, more)| *sum += more);
        self.raw_ip += raw_ip;
        self.outer_v6 += outer_v6;
        self.cut += cut;
        self.splits += splits;
        self
    }

    /// That every kind occurred.
    pub fn check(&self) -> Result<()> {
        let never: Vec<_> = self.kinds().into_iter().filter(|kind| kind.1 == 0).collect();
        ensure!(never.is_empty(), "the generator never reached {never:?}: it needs more frames");
        Ok(())
    }

    fn kinds(&self) -> Vec<(String, u64)> {
        let counters = &self.counters;
        let mut kinds = vec![
            ("not_tunnel".into(), counters.not_tunnel),
            ("filtered".into(), counters.filtered),
            ("matched".into(), counters.matched.packets),
        ];
        let malformed = Malformed::ALL.iter().zip(counters.malformed);
        kinds.extend(malformed.map(|(reason, n)| (format!("malformed.{}", reason.name()), n)));
        let classes = ProtocolClass::NAMES.iter().zip(self.classes);
        kinds.extend(classes.map(|((_, name), n)| (format!("matched.{name}"), n)));
        let matched = counters.matched.packets;
        kinds.extend([
            ("matched.ethernet".into(), matched - self.raw_ip),
            ("matched.raw_ip".into(), self.raw_ip),
            ("matched.outer_ipv4".into(), matched - self.outer_v6),
            ("matched.outer_ipv6".into(), self.outer_v6),
            ("matched.cut".into(), self.cut),
        ]);
        // A kernel that runs only the linear program has no fragments.
        if Program::of_this_kernel() == Program::Full {
            kinds.push(("in_fragments".into(), self.splits));
        }
        kinds.push(("decided_by_rules".into(), counters.rules.iter().sum()));
        kinds
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.kinds() {
            writeln!(formatter, "  {count:>12} {name}")?;
        }
        Ok(())
    }
}

fn is_v6(datagram: &Datagram) -> bool {
    datagram.src.family == vtap_common::address::Family::V6
}
