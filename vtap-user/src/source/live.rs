//! Records of the kernel: from the rings, in the order of their times, as packets.

pub(crate) mod clock;
pub mod drain;
pub mod ring;

use vtap_common::abi::RecordHeader;

use self::clock::Clock;
use crate::packet::{Packet, Tunnel};

/// The packet of a record.
#[must_use]
pub(crate) fn packet<'a>(header: &RecordHeader, data: &'a [u8], clock: &Clock) -> Packet<'a> {
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
