//! One frame's whole way: decapsulated, decided on, and counted.

use crate::{
    abi::{Counters, Malformed, ProtocolClass, RecordFields, RecordHeader},
    inner::{self, Inner},
    outer::{self, Datagram, NoDatagram},
    segment::Segment,
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
    /// A frame that holds several datagrams, or may hold them, with so many bytes of UDP payload. It
    /// is counted as received; whoever divides it counts what is in it.
    Coalesced(u32),
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
/// everything but the delivery. `segment` is what is known of the datagrams in it.
///
/// If a [`Outcome::Matched`] packet is then lost, the caller counts that.
#[inline(always)]
pub fn examine<F: Frame>(
    frame: &F,
    layer: LinkLayer,
    segment: Segment,
    selection: &Selection,
    counters: &mut Counters,
) -> Outcome {
    counters.received.count(frame.len());
    let datagram = match outer::parse(frame, layer, selection) {
        Ok(datagram) => datagram,
        Err(none) => return count_no_datagram(none, counters),
    };
    let len = datagram.payload_len();
    if segment.divides(len) {
        return Outcome::Coalesced(len);
    }
    let found = match packet_of(frame, datagram) {
        Ok(found) => found,
        Err(none) => return count_no_datagram(none, counters),
    };
    if segment.may_divide(&found) {
        return Outcome::Coalesced(len);
    }
    decide(frame, &found, selection, counters)
}

/// The same for an Ethernet frame that probably has the usual form ([`crate::fast_path`]). `None` if
/// it has another; nothing is counted then.
#[inline(always)]
pub fn examine_fast<F: Frame>(
    frame: &F,
    segment: Segment,
    selection: &Selection,
    counters: &mut Counters,
) -> Option<Outcome> {
    const { assert!(F::FAST_PATH) };
    let datagram = outer::parse(frame, LinkLayer::Ethernet, selection).ok()?;
    if segment.divides(datagram.payload_len()) {
        return None;
    }
    let found = packet_of(frame, datagram).ok()?;
    if found.inner.damage.is_some() || segment.may_divide(&found) {
        return None;
    }
    counters.received.count(frame.len());
    Some(decide(frame, &found, selection, counters))
}

/// Examines one datagram of a frame that was already counted as received.
pub fn examine_datagram<F: Frame>(
    frame: &F,
    datagram: &Datagram,
    selection: &Selection,
    counters: &mut Counters,
) -> Outcome {
    match packet_of(frame, *datagram) {
        Ok(found) => decide(frame, &found, selection, counters),
        Err(none) => count_no_datagram(none, counters),
    }
}

/// Counts a frame that has no datagram for vtap.
#[inline(always)]
pub fn count_no_datagram(none: NoDatagram, counters: &mut Counters) -> Outcome {
    match none {
        NoDatagram::NotTunnel => {
            counters.not_tunnel += 1;
            Outcome::NotTunnel
        }
        NoDatagram::Malformed(reason) => {
            counters.count_malformed(reason);
            Outcome::Malformed(reason)
        }
    }
}

/// The inner packet of a datagram.
#[inline(always)]
fn packet_of<F: Frame>(frame: &F, datagram: Datagram) -> Result<Matched, NoDatagram> {
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
