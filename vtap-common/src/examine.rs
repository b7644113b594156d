//! Processes one frame: decapsulates it, decides whether to capture it, and counts it.

use crate::{
    abi::{Counters, Malformed, ProtocolClass, RecordFields, RecordHeader, Segment},
    inner::{self, Inner},
    outer::{self, Datagram, NoDatagram},
    select::{self, Choice, PacketKeys, Selection},
    tunnel::{self, BadTunnel, Tunnel},
    wire::{Frame, LinkLayer, Slot},
};

/// The result of examining one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The frame is not for a tap port.
    NotTunnel,
    /// The frame is for a tap port, but its tunnel headers are unusable.
    Malformed(Malformed),
    /// The user did not select the inner packet.
    Filtered,
    /// The user selected the inner packet.
    Matched(Matched),
    /// The frame holds several datagrams, or it may hold several. The number is the length of its
    /// UDP payload. Only the frame is counted, as received. Whoever splits it counts the datagrams.
    Coalesced(u32),
}

/// An inner packet and the headers around it.
///
/// No part of this may have padding, which is why some fields are wider than necessary. The
/// compiler copies a struct with padding by unaligned 8-byte moves on the stack, which the verifier
/// rejects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The datagram that carries the packet.
    pub datagram: Datagram,
    /// The tunnel header, and where the packet begins.
    pub tunnel: Tunnel,
    /// The packet itself.
    pub inner: Inner,
}

impl Matched {
    /// Length of the inner packet, link header included, before the tap truncated it. The packet
    /// ends where its own headers say, or at the end of the datagram if that is later (because
    /// of padding, for example).
    #[inline(always)]
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        // A tap that truncates a packet does not change the lengths in the packet's headers.
        let Self { datagram, tunnel, inner } = self;
        let cut = inner.wire_end > datagram.wire_end;
        let end = if cut { inner.wire_end } else { datagram.wire_end };
        end - tunnel.payload
    }

    /// The record header for this packet, of which `caplen` bytes are captured.
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

    /// The values that the selection's criteria are compared with.
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

/// Examines one frame: decapsulates it, decides whether to capture it, and counts the outcome.
/// `layer` is the first header of the frame, and `segment` is what is known about the datagrams in
/// it.
///
/// The caller delivers an [`Outcome::Matched`] packet. If that fails, the caller counts the loss.
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
    if may_divide(segment, &found) {
        return Outcome::Coalesced(len);
    }
    decide(frame, &found, selection, counters)
}

/// The fast path of [`examine`], for an Ethernet frame that probably has the most common form
/// ([`crate::fast_path`]). If it has another form, this counts nothing and returns `None`, and the
/// caller must call [`examine`].
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
    if found.inner.damage.is_some() || may_divide(segment, &found) {
        return None;
    }
    counters.received.count(frame.len());
    Some(decide(frame, &found, selection, counters))
}

/// Examines one datagram of a frame that has already been counted as received and was then split.
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

/// Counts a frame or datagram in which no inner packet was found, and returns the outcome.
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

/// Parses the tunnel header and the inner packet of a datagram.
#[inline(always)]
fn packet_of<F: Frame>(frame: &F, datagram: Datagram) -> Result<Matched, NoDatagram> {
    let Datagram { payload, end, encapsulation, .. } = datagram;
    let tunnel = tunnel::parse(frame, payload, end, encapsulation)
        .map_err(|bad| NoDatagram::Malformed(bad.into()))?;
    let inner = inner::parse(frame, &datagram, &tunnel);
    Ok(Matched { datagram, tunnel, inner })
}

/// Whether other datagrams may follow the one in which this packet was found.
#[inline(always)]
const fn may_divide(segment: Segment, found: &Matched) -> bool {
    let Matched { datagram, inner, .. } = found;
    segment.may_divide(datagram.payload, inner.wire_end, datagram.wire_end)
}

/// Decides whether the inner packet is captured, and counts it.
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
