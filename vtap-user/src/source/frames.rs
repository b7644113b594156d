//! Outer frames that user space examines itself: those of a capture file, and those from the kernel
//! that may hold several datagrams.
//!
//! A kernel or a card may put several datagrams into one frame; each of them is a packet. They are of
//! one length, but the last, which may be shorter. The kernel side mostly knows that length. A capture
//! file never does, and then it follows from what the datagrams hold ([`divide`]).

mod divide;
#[cfg(test)]
mod tests;

use anyhow::Result;
use vtap_common::{
    Outcome,
    abi::{Counters, Malformed, Segment},
    count_no_datagram, examine, examine_datagram,
    outer::{self, Datagram, NoDatagram},
    select::Selection,
    wire::LinkLayer,
};

use self::divide::{Division, divide};
use crate::{
    netlink::Interface,
    packet::{Arrival, Packet},
};

/// Examines frames, and hands on the selected packets in them.
pub(crate) struct Frames {
    selection: Box<Selection>,
    /// Bytes of a packet to take at most.
    snaplen: u32,
    counters: Counters,
    /// How the kernel's frames begin.
    layer: LinkLayer,
    /// Where the frames are captured, for advice.
    interface: String,
    /// Whether the advice was given.
    told: bool,
}

impl Frames {
    /// Of a capture file.
    pub(crate) fn of_file(selection: &Selection, snaplen: u32) -> Self {
        Self {
            selection: Box::new(*selection),
            snaplen,
            counters: Counters::ZERO,
            layer: LinkLayer::Ethernet,
            interface: "IFACE".into(),
            told: false,
        }
    }

    /// Of what an interface receives, and the kernel side hands over.
    pub(crate) fn of_interface(
        interface: &Interface,
        layer: LinkLayer,
        selection: &Selection,
        snaplen: u32,
    ) -> Self {
        let interface = interface.name.to_string();
        Self { layer, interface, ..Self::of_file(selection, snaplen) }
    }

    /// What was counted here.
    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counts a frame that can't be read.
    pub(crate) fn unread(&mut self, frame: &[u8]) {
        self.counters.received.count(frame.len() as u32);
        count_no_datagram(NoDatagram::NotTunnel, &mut self.counters);
    }

    /// Takes a frame that nobody has examined yet, and hands its packets to `take`.
    pub(crate) fn examine(
        &mut self,
        frame: &[u8],
        layer: LinkLayer,
        arrival: Arrival,
        mut take: impl FnMut(&Packet<'_>),
    ) -> Result<()> {
        let Self { selection, snaplen, counters, .. } = self;
        match examine(&frame, layer, Segment::UNKNOWN, selection, counters) {
            Outcome::Matched(matched) => {
                take(&Packet::examined(frame, &matched, *snaplen, arrival)?);
                Ok(())
            }
            Outcome::Coalesced(_) => self.datagrams(frame, layer, Segment::UNKNOWN, arrival, take),
            Outcome::NotTunnel | Outcome::Malformed(_) | Outcome::Filtered => Ok(()),
        }
    }

    /// Takes a frame that the kernel side has counted as received, and handed over whole because it
    /// may hold several datagrams.
    pub(crate) fn divide(
        &mut self,
        frame: &[u8],
        segment: Segment,
        arrival: Arrival,
        take: impl FnMut(&Packet<'_>),
    ) -> Result<()> {
        self.datagrams(frame, self.layer, segment, arrival, take)
    }

    /// Takes the datagrams of a frame.
    fn datagrams(
        &mut self,
        frame: &[u8],
        layer: LinkLayer,
        segment: Segment,
        arrival: Arrival,
        mut take: impl FnMut(&Packet<'_>),
    ) -> Result<()> {
        let Self { selection, snaplen, counters, .. } = self;
        let datagram = match outer::parse(&frame, layer, selection) {
            Ok(datagram) => datagram,
            Err(none) => {
                // Not to be expected, as one was found before.
                count_no_datagram(none, counters);
                return Ok(());
            }
        };
        let mut examine = |bytes: &[u8], datagram: &Datagram| match examine_datagram(
            &bytes, datagram, selection, counters,
        ) {
            Outcome::Matched(matched) => {
                take(&Packet::examined(bytes, &matched, *snaplen, arrival)?);
                Ok(())
            }
            _ => Ok(()),
        };
        match divide(frame, &datagram, segment) {
            Division::One => examine(frame, &datagram),
            Division::First { len } => {
                let wire_end = datagram.payload + len;
                let end = datagram.end.min(wire_end);
                examine(frame, &Datagram { end, wire_end, ..datagram })
            }
            Division::Several { len } => {
                let mut pieces = pieces(frame, &datagram, len);
                pieces.try_for_each(|(bytes, datagram)| examine(bytes, &datagram))?;
                counters.coalesced += Segment::of(len).datagrams(datagram.payload_len()) - 1;
                Ok(())
            }
            Division::Unclear => {
                counters.count_malformed(Malformed::Coalesced);
                self.advise();
                Ok(())
            }
        }
    }

    fn advise(&mut self) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let interface = &self.interface;
        say!(
            "vtap: warning: a frame holds several mirrored packets, and it is not certain where each \
             begins; such frames are not shown, and count as malformed (`coalesced`). Switch off what \
             puts packets together: where they are captured, `ethtool -K {interface} gro off` (or \
             only `rx-gro-list off rx-udp-gro-forwarding off`); if the sender does it, there \
             `ethtool -K IFACE tx-udp-segmentation off`"
        );
    }
}

/// The datagrams of a frame: the payload of each, and its description, in which offsets count from
/// the payload's start. A datagram of which a cut has left nothing has no bytes.
fn pieces<'a>(
    frame: &'a [u8],
    datagram: &Datagram,
    len: u32,
) -> impl Iterator<Item = (&'a [u8], Datagram)> {
    let datagram = *datagram;
    let Datagram { payload, end, wire_end, .. } = datagram;
    (payload..wire_end).step_by(len.max(1) as usize).map(move |start| {
        let wire_len = len.min(wire_end - start);
        let present = frame.get(start as usize..end.min(start + wire_len) as usize);
        let present = present.unwrap_or_default();
        (
            present,
            Datagram { payload: 0, end: present.len() as u32, wire_end: wire_len, ..datagram },
        )
    })
}
