//! The counters, kept per CPU in the kernel and added up in user space.
//!
//! When no packet is being processed, these equations hold exactly:
//! `received.packets + coalesced = not_tunnel + tunnel` and
//! `tunnel = (sum of malformed) + filtered + matched.packets`.
//! A frame with several datagrams is still being processed until user space has split it.

use super::{
    damage::Damage,
    reason::{Lost, Malformed},
};
use crate::{select::MAX_RULES, tunnel::vxlan, wire::Damaged};

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Traffic {
    /// Number of packets.
    pub packets: u64,
    /// Sum of their lengths.
    pub bytes: u64,
}

impl Traffic {
    /// Counts one packet of `len` bytes.
    #[inline(always)]
    pub const fn count(&mut self, len: u32) {
        self.packets += 1;
        self.bytes += len as u64;
    }

    const fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// The counters of one CPU, or of the reader of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Every frame that was examined. The bytes are those of the outer frame.
    ///
    /// One case is inexact: if a frame has bytes after its datagram, and the datagram ends exactly
    /// where the first of several buffers ends, then the kernel side does not count those bytes.
    /// To check for them would make every packet 2.5 % slower, and such a frame is unlikely.
    pub received: Traffic,
    /// For each frame with several datagrams, the number of datagrams after the first. So there
    /// are as many datagrams as tunnel frames plus this.
    pub coalesced: u64,
    /// Frames that are not for a tap port.
    pub not_tunnel: u64,
    /// Datagrams for a tap port.
    pub tunnel: u64,
    /// Datagrams for a tap port whose tunnel headers are unusable, indexed by [`Malformed`].
    pub malformed: [u64; Malformed::COUNT],
    /// Inner packets with a damaged header, whether selected or not, indexed by [`Damaged`].
    pub damaged: [u64; Damaged::COUNT],
    /// Inner packets that were not selected.
    pub filtered: u64,
    /// Inner packets that were selected. The bytes are their lengths before any truncation.
    pub matched: Traffic,
    /// Selected packets that did not reach user space, indexed by [`Lost`].
    pub lost: [u64; Lost::COUNT],
    /// For each rule, the number of packets that it decided.
    pub rules: [u64; MAX_RULES],
}

impl Counters {
    /// Nothing counted.
    pub const ZERO: Self = Self {
        received: Traffic { packets: 0, bytes: 0 },
        coalesced: 0,
        not_tunnel: 0,
        tunnel: 0,
        malformed: [0; Malformed::COUNT],
        damaged: [0; Damaged::COUNT],
        filtered: 0,
        matched: Traffic { packets: 0, bytes: 0 },
        lost: [0; Lost::COUNT],
        rules: [0; MAX_RULES],
    };

    /// Counts a datagram for a tap port whose tunnel headers are unusable.
    #[inline(always)]
    pub fn count_malformed(&mut self, reason: Malformed) {
        if let Some(counter) = self.malformed.get_mut(reason as usize) {
            *counter += 1;
        }
        self.tunnel += 1;
    }

    /// Counts an inner packet by its damage. Does nothing if it has none.
    #[inline(always)]
    pub(crate) fn count_damaged(&mut self, Damage(damage): Damage) {
        if damage == 0 {
            return;
        }
        if let Some(counter) = self.damaged.get_mut(damage as usize - 1) {
            *counter += 1;
        }
    }

    /// Counts a packet for the rule that decided on it. The first rule is number 0.
    #[inline(always)]
    pub(crate) fn count_rule(&mut self, rule: u64) {
        if let Some(counter) = self.rules.get_mut(rule as usize) {
            *counter += 1;
        }
    }

    /// Counts a selected packet that could not be delivered to user space.
    #[inline(always)]
    pub fn count_lost(&mut self, reason: Lost) {
        if let Some(counter) = self.lost.get_mut(reason as usize) {
            *counter += 1;
        }
    }

    /// Counts a frame with several datagrams that was not delivered. All of its inner packets count
    /// as selected, because nobody will apply the selection to them. `payload_len` is the length of
    /// the UDP payload. The VXLAN headers in it are subtracted.
    #[inline(always)]
    pub fn count_lost_frame(&mut self, packets: u64, payload_len: u32, reason: Lost) {
        self.coalesced += packets - 1;
        self.tunnel += packets;
        self.matched.packets += packets;
        self.matched.bytes +=
            u64::from(payload_len).saturating_sub(packets * u64::from(vxlan::LEN));
        if let Some(counter) = self.lost.get_mut(reason as usize) {
            *counter += packets;
        }
    }

    /// Adds what another CPU counted.
    pub fn add(&mut self, other: &Self) {
        // Destructured without `..`, so that the compiler reports a counter that is forgotten here.
        let Self {
            received,
            coalesced,
            not_tunnel,
            tunnel,
            malformed,
            damaged,
            filtered,
            matched,
            lost,
            rules,
        } = other;
        self.received.add(received);
        self.coalesced += coalesced;
        self.not_tunnel += not_tunnel;
        self.tunnel += tunnel;
        add_each(&mut self.malformed, malformed);
        add_each(&mut self.damaged, damaged);
        self.filtered += filtered;
        self.matched.add(matched);
        add_each(&mut self.lost, lost);
        add_each(&mut self.rules, rules);
    }
}

fn add_each(sums: &mut [u64], others: &[u64]) {
    for (sum, other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}
