//! Records of the kernel: from the rings, in the order of their times, as packets.

pub(crate) mod clock;
pub mod drain;
pub mod ring;

use anyhow::Result;
use vtap_common::abi::RecordHeader;

use self::clock::Clock;
use crate::{
    packet::{Arrival, Packet, Tunnel},
    source::frames::Frames,
};

/// Hands the packets of a record to `take`: one, or those of a frame that may hold several.
pub(crate) fn packets(
    header: &RecordHeader,
    data: &[u8],
    clock: &Clock,
    frames: &mut Frames,
    mut take: impl FnMut(&Packet<'_>),
) -> Result<()> {
    let Some(segment) = header.segment() else {
        take(&packet(header, data, clock));
        return Ok(());
    };
    let arrival = Arrival { time: clock.utc(header.timestamp), queue: Some(header.rx_queue) };
    frames.divide(data, segment, arrival, take)
}

/// The packet of a record.
fn packet<'a>(header: &RecordHeader, data: &'a [u8], clock: &Clock) -> Packet<'a> {
    Packet {
        time: clock.utc(header.timestamp),
        tunnel: Tunnel {
            vni: header.vni(),
            src: header.outer_src(),
            dst: header.outer_dst(),
            src_port: header.outer_src_port(),
            queue: Some(header.rx_queue),
        },
        link: header.link(),
        class: header.class(),
        wirelen: header.wirelen,
        data,
    }
}
