//! How often each kind of frame occurred: who reads it sees that the generator reaches all.

use std::fmt;

use anyhow::{Result, ensure};
use vtap_common::{
    Matched, Outcome,
    abi::{Malformed, ProtocolClass},
    tunnel::LinkType,
    wire::{Damaged, Family},
};
use vtap_user::kernel::Program;

/// Kinds with how often each occurred.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    not_tunnel: u64,
    malformed: [u64; Malformed::COUNT],
    damaged: [u64; Damaged::COUNT],
    filtered: u64,
    matched: u64,
    coalesced: u64,
    classes: [u64; ProtocolClass::NAMES.len()],
    raw_ip: u64,
    outer_v6: u64,
    cut: u64,
    in_fragments: u64,
}

impl Tally {
    /// Counts what user space made of a frame, for each program, and whether one had it in fragments.
    pub fn count(&mut self, outcomes: &[Outcome], in_fragments: bool) {
        self.in_fragments += u64::from(in_fragments);
        let coalesced = outcomes.iter().any(|outcome| matches!(outcome, Outcome::Coalesced(_)));
        self.coalesced += u64::from(coalesced);
        let Some(outcome) = outcomes.first() else { return };
        match outcome {
            Outcome::NotTunnel => self.not_tunnel += 1,
            Outcome::Malformed(reason) => self.malformed[*reason as usize] += 1,
            Outcome::Filtered => self.filtered += 1,
            Outcome::Matched(matched) => self.count_matched(matched),
            Outcome::Coalesced(_) => {}
        }
    }

    fn count_matched(&mut self, matched: &Matched) {
        let Matched { datagram, tunnel, inner } = matched;
        self.matched += 1;
        if let Some(damaged) = inner.damage.header() {
            self.damaged[damaged as usize] += 1;
        }
        self.classes[ProtocolClass::of(inner.protocol) as usize] += 1;
        self.raw_ip += u64::from(tunnel.link() == LinkType::RawIp);
        self.outer_v6 += u64::from(datagram.src.family == Family::V6);
        self.cut += u64::from(matched.wirelen() > inner.len);
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let Self { malformed, damaged, classes, coalesced, .. } = other;
        self.coalesced += coalesced;
        let Self { not_tunnel, filtered, matched, raw_ip, outer_v6, cut, in_fragments, .. } = other;
        add_each(&mut self.malformed, malformed);
        add_each(&mut self.damaged, damaged);
        add_each(&mut self.classes, classes);
        self.not_tunnel += not_tunnel;
        self.filtered += filtered;
        self.matched += matched;
        self.raw_ip += raw_ip;
        self.outer_v6 += outer_v6;
        self.cut += cut;
        self.in_fragments += in_fragments;
        self
    }

    /// That every kind occurred.
    pub fn check(&self) -> Result<()> {
        let never: Vec<_> = self.kinds().into_iter().filter(|kind| kind.1 == 0).collect();
        ensure!(never.is_empty(), "the generator never reached {never:?}: it needs more frames");
        Ok(())
    }

    fn kinds(&self) -> Vec<(String, u64)> {
        let kind = |name: &str, count| (name.to_owned(), count);
        let mut kinds = vec![kind("not_tunnel", self.not_tunnel)];
        let malformed = Malformed::ALL.iter().zip(self.malformed);
        // Only user space finds out that a frame can't be divided.
        let malformed = malformed.filter(|(reason, _)| **reason != Malformed::Coalesced);
        kinds.extend(malformed.map(|(reason, n)| (format!("malformed.{}", reason.name()), n)));
        let damaged = Damaged::ALL.iter().zip(self.damaged);
        kinds.extend(damaged.map(|(header, n)| (format!("damaged.{}", header.name()), n)));
        kinds.extend([kind("filtered", self.filtered), kind("matched", self.matched)]);
        let classes = ProtocolClass::NAMES.iter().zip(self.classes);
        kinds.extend(classes.map(|((_, name), n)| (format!("matched.{name}"), n)));
        kinds.extend([
            kind("matched.ethernet", self.matched - self.raw_ip),
            kind("matched.raw_ip", self.raw_ip),
            kind("matched.outer_ipv4", self.matched - self.outer_v6),
            kind("matched.outer_ipv6", self.outer_v6),
            kind("matched.cut", self.cut),
            kind("coalesced", self.coalesced),
        ]);
        // A kernel that runs only the linear program has no fragments.
        if Program::of_this_kernel() == Program::Full {
            kinds.push(kind("in_fragments", self.in_fragments));
        }
        kinds
    }
}

fn add_each(sums: &mut [u64], others: &[u64]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
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
