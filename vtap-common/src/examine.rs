//! One frame's whole way: decapsulated, decided on, and counted.

use crate::{
    abi::{Counters, Malformed, ProtocolClass, RecordFields, RecordHeader},
    inner::{self, Inner},
    outer::{self, Datagram, NoDatagram},
    select::{self, Choice, PacketKeys, Selection},
    tunnel::{self, BadTunnel, Tunnel},
    wire::{Frame, LinkLayer, Slot},
};

/// What became of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not for a tap port: none of vtap's business.
    NotTunnel,
    /// Sent to a tap port, but its tunnel headers are unusable.
    Malformed(Malformed),
    /// An inner packet that the user did not select.
    Filtered,
    /// An inner packet that the user wants.
    Matched(Matched),
}

/// A selected inner packet and where it came from.
///
/// None of its parts has padding, hence some fields are wider than they need be: the compiler copies
/// padding on the stack in 8-byte moves at odd places, which the verifier refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The datagram that carried it.
    pub datagram: Datagram,
    /// Its network identifier, and where it begins.
    pub tunnel: Tunnel,
    /// What it is.
    pub inner: Inner,
}

impl Matched {
    /// Bytes of the inner packet on the wire, before a tap cut it. Where no header tells, the bytes
    /// that arrived.
    #[inline(always)]
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        // A tap that cuts a packet leaves the lengths in its headers as they were.
        let Self { datagram, tunnel, inner } = self;
        let cut = inner.wire_end > datagram.wire_end;
        let end = if cut { inner.wire_end } else { datagram.wire_end };
        end - tunnel.payload
    }

    /// The header of its record, with `caplen` captured bytes.
    #[inline(always)]
    #[must_use]
    pub const fn record_header(&self, caplen: u32, timestamp: u64, rx_queue: u32) -> RecordHeader {
        let Self { datagram, tunnel, inner } = self;
        RecordHeader::new(&RecordFields {
            timestamp,
            caplen,
            wirelen: self.wirelen(),
            vni: tunnel.vni(),
            link: tunnel.link(),
            class: ProtocolClass::of(inner.protocol),
            outer_src: datagram.src,
            outer_dst: datagram.dst,
            outer_src_port: datagram.src_port,
            rx_queue,
        })
    }

    /// What the selection is compared with.
    #[inline(always)]
    #[must_use]
    pub const fn keys(&self) -> PacketKeys {
        let Self { datagram, tunnel, inner } = self;
        PacketKeys {
            vni: tunnel.vni() as u64,
            outer_src: datagram.src,
            outer_dst: datagram.dst,
            protocol: inner.protocol.0 as u64,
            src: inner.src,
            dst: inner.dst,
            src_port: inner.src_port,
            dst_port: inner.dst_port,
            icmp: [inner.icmp_type, inner.icmp_code],
        }
    }
}

/// Examines one frame, which begins as `layer` says: decapsulates it, decides on it, and counts
/// everything but the delivery.
///
/// If a [`Outcome::Matched`] packet is then lost, the caller counts that.
#[inline(always)]
pub fn examine<F: Frame>(
    frame: &F,
    layer: LinkLayer,
    selection: &Selection,
    counters: &mut Counters,
) -> Outcome {
    counters.received.count(frame.len());
    match find(frame, layer, selection) {
        Ok(found) => decide(frame, &found, selection, counters),
        Err(NoDatagram::NotTunnel) => {
            counters.not_tunnel += 1;
            Outcome::NotTunnel
        }
        Err(NoDatagram::Malformed(reason)) => {
            counters.tunnel += 1;
            counters.count_malformed(reason);
            Outcome::Malformed(reason)
        }
    }
}

/// The same for an Ethernet frame that probably has the usual form ([`crate::fast_path`]). `None` if
/// it has another; nothing is counted then.
#[inline(always)]
pub fn examine_fast<F: Frame>(
    frame: &F,
    selection: &Selection,
    counters: &mut Counters,
) -> Option<Outcome> {
    const { assert!(F::FAST_PATH) };
    let found = find(frame, LinkLayer::Ethernet, selection).ok()?;
    if found.inner.damage.is_some() {
        return None;
    }
    counters.received.count(frame.len());
    Some(decide(frame, &found, selection, counters))
}

/// Finds the inner packet.
#[inline(always)]
fn find<F: Frame>(
    frame: &F,
    layer: LinkLayer,
    selection: &Selection,
) -> Result<Matched, NoDatagram> {
    let datagram = outer::parse(frame, layer, selection)?;
    let Datagram { payload, end, encapsulation, .. } = datagram;
    let tunnel = tunnel::parse(frame, payload, end, encapsulation)
        .map_err(|bad| NoDatagram::Malformed(bad.into()))?;
    let inner = inner::parse(frame, &datagram, &tunnel);
    Ok(Matched { datagram, tunnel, inner })
}

/// Decides on the inner packet.
#[inline(always)]
fn decide<F: Frame>(
    frame: &F,
    found: &Matched,
    selection: &Selection,
    counters: &mut Counters,
) -> Outcome {
    let Choice { capture, rule } = select::decide(selection, &found.keys());
    counters.tunnel += 1;
    counters.count_damaged(found.inner.damage);
    if let Some(rule) = rule {
        counters.count_rule(frame.launder_for_verifier(Slot::Rule, rule));
    }
    if !capture {
        counters.filtered += 1;
        return Outcome::Filtered;
    }
    counters.matched.count(found.wirelen());
    Outcome::Matched(*found)
}

impl From<BadTunnel> for Malformed {
    #[inline(always)]
    fn from(bad: BadTunnel) -> Self {
        match bad {
            BadTunnel::Header => Self::VxlanHeader,
            BadTunnel::Flags => Self::VxlanFlags,
            BadTunnel::Protocol => Self::GpeProtocol,
        }
    }
}
