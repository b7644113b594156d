//! What the two sides of vtap share.
//!
//! The path of a packet is the order of these modules:
//!
//! 1. [`outer`]: the frame from the wire, down to a UDP datagram to a tap port;
//! 2. [`tunnel`]: the VXLAN header;
//! 3. [`inner`]: the mirrored frame, down to its protocol and ports;
//! 4. [`decide`]: what the user selected ([`selection`], [`rules`]);
//! 5. [`record`]: what the kernel hands to user space.
//!
//! [`examine`] runs steps 1 to 4. The XDP program and the reader of capture files call this one
//! function, over different kinds of [`Packet`]; [`counters`] holds what both count.
#![cfg_attr(not(feature = "std"), no_std)]

pub mod address;
pub mod counters;
pub mod decide;
pub mod inner;
pub mod outer;
pub mod packet;
#[cfg(feature = "user")]
mod pod;
pub mod reason;
pub mod record;
pub mod rules;
pub mod selection;
pub mod tunnel;
pub mod wire;

use crate::{
    counters::Counters,
    decide::Decision,
    inner::Inner,
    outer::{Datagram, NoDatagram},
    packet::{Packet, Slot},
    reason::Malformed,
    selection::Selection,
    tunnel::Tunnel,
};

/// What became of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not for a tap port: none of vtap's business.
    NotTunnel,
    /// Sent to a tap port, but no inner packet can be had from it.
    Malformed(Malformed),
    /// An inner packet that the user did not select.
    Filtered,
    /// An inner packet that the user wants.
    Matched(Matched),
}

/// A selected inner packet and where it came from.
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
    /// Bytes of the inner packet before a tap cut it; those that arrived where nothing says otherwise.
    #[inline(always)]
    #[must_use]
    pub const fn wirelen(&self) -> u32 {
        // A tap that cuts leaves the lengths in the inner headers as they were.
        let Self { datagram, tunnel, inner } = self;
        let cut = inner.wire_end > datagram.wire_end;
        let end = if cut { inner.wire_end } else { datagram.wire_end };
        end - tunnel.payload
    }
}

/// Examines one frame: decapsulates it, decides on it, and counts all but the delivery.
///
/// Of a [`Outcome::Matched`] packet the caller then counts the loss, if it comes to that.
#[inline(always)]
pub fn examine<P: Packet>(packet: &P, selection: &Selection, counters: &mut Counters) -> Outcome {
    counters.received.count(packet.len());
    match find(packet, selection) {
        Ok(found) => decide(packet, &found, selection, counters),
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

/// The same for a frame that is probably plain ([`Packet::PLAIN`]). `None` if it is not, and then
/// nothing is counted.
#[inline(always)]
pub fn examine_plain<P: Packet>(
    packet: &P,
    selection: &Selection,
    counters: &mut Counters,
) -> Option<Outcome> {
    const { assert!(P::PLAIN) };
    let found = find(packet, selection).ok()?;
    counters.received.count(packet.len());
    Some(decide(packet, &found, selection, counters))
}

/// Finds the inner packet.
#[inline(always)]
fn find<P: Packet>(packet: &P, selection: &Selection) -> Result<Matched, NoDatagram> {
    let datagram = outer::parse(packet, selection)?;
    let tunnel = tunnel::parse(packet, &datagram).map_err(NoDatagram::Malformed)?;
    let inner = inner::parse(packet, &datagram, &tunnel).map_err(NoDatagram::Malformed)?;
    Ok(Matched { datagram, tunnel, inner })
}

/// Decides on the inner packet.
#[inline(always)]
fn decide<P: Packet>(
    packet: &P,
    found: &Matched,
    selection: &Selection,
    counters: &mut Counters,
) -> Outcome {
    let Decision { capture, rule } = decide::decide(selection, found);
    counters.tunnel += 1;
    if let Some(rule) = rule {
        counters.count_rule(packet.forget(Slot::Rule, rule));
    }
    if !capture {
        counters.filtered += 1;
        return Outcome::Filtered;
    }
    counters.matched.count(found.wirelen());
    Outcome::Matched(*found)
}
