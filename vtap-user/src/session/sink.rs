//! Where packets go, whatever they come from.

use std::sync::Arc;

use super::{account::Tally, status::Status};
use crate::{
    cancel::Cancel,
    output::{Lane, Report},
    packet::Packet,
};

/// Counts packets and hands them to the outputs.
pub struct Sink {
    lanes: Vec<Lane>,
    cancel: Cancel,
    status: Arc<Status>,
    tally: Tally,
    /// Packets that the outputs are still given.
    remaining: u64,
}

impl Sink {
    /// Gives these outputs `count` packets at most, if that is given, and then begins the end.
    pub fn new(lanes: Vec<Lane>, count: Option<u64>, cancel: Cancel) -> Self {
        let status = Arc::new(Status::new(&lanes));
        let (tally, remaining) = (Tally::default(), count.unwrap_or(u64::MAX));
        Self { lanes, cancel, status, tally, remaining }
    }

    /// What others may read while packets are taken.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// Takes a packet. Once the count is reached, packets are still counted as delivered.
    pub fn take(&mut self, packet: &Packet<'_>) {
        self.tally.count(packet);
        if self.is_full() {
            return;
        }
        for lane in &mut self.lanes {
            lane.packet(packet);
        }
        self.tally.given += 1;
        self.remaining -= 1;
        if self.is_full() {
            self.cancel.begin();
        }
    }

    /// Hands over what was taken, as far as there is room for it; called when no more packets are at
    /// hand. True while something could not be handed over.
    pub fn flush(&mut self) -> bool {
        self.status.publish(self.tally.delivered.packets);
        self.lanes.iter_mut().fold(false, |waits, lane| waits | lane.flush())
    }

    /// The same, but outputs that hold the capture up are waited for.
    pub fn settle(&mut self) {
        self.lanes.iter_mut().for_each(Lane::settle);
    }

    /// Whether the count is reached.
    pub const fn is_full(&self) -> bool {
        self.remaining == 0
    }

    /// Waits until all is out, or until the deadline. Returns the accounts.
    pub fn finish(mut self) -> (Tally, Vec<Report>) {
        // One output that is stuck must not keep from another what that would take.
        self.flush();
        self.lanes.iter_mut().for_each(Lane::close);
        (self.tally, self.lanes.into_iter().map(Lane::finish).collect())
    }
}

#[cfg(test)]
mod tests {
    use vtap_common::{abi::ProtocolClass, tunnel::LinkType, wire::Address};

    use super::*;
    use crate::{packet::Tunnel, timestamp::Timestamp};

    fn take(sink: &mut Sink, count: usize) {
        let tunnel =
            Tunnel { vni: 7, src: Address::NONE, dst: Address::NONE, src_port: 1, queue: None };
        for _ in 0..count {
            sink.take(&Packet {
                time: Timestamp::default(),
                tunnel,
                link: LinkType::Ethernet,
                class: ProtocolClass::Other,
                wirelen: 100,
                data: b"abc",
            });
        }
    }

    #[test]
    fn a_count_of_packets_ends_the_capture() {
        let cancel = Cancel::new().unwrap();
        let mut sink = Sink::new(Vec::new(), Some(3), cancel.clone());
        let status = sink.status();
        take(&mut sink, 2);
        assert!(!sink.is_full() && !cancel.has_begun());
        assert_eq!(status.delivered(), 0);
        assert!(!sink.flush());
        assert_eq!((status.delivered(), status.outputs().len()), (2, 0));
        take(&mut sink, 1);
        assert!(sink.is_full() && cancel.has_begun());
        // What still comes is delivered, but given to nobody.
        take(&mut sink, 2);
        let (tally, reports) = sink.finish();
        assert_eq!((tally.delivered.packets, tally.given, reports.len()), (5, 3, 0));
        assert_eq!(status.delivered(), 5);
    }

    #[test]
    fn without_a_count_it_goes_on() {
        let cancel = Cancel::new().unwrap();
        let mut sink = Sink::new(Vec::new(), None, cancel.clone());
        take(&mut sink, 1000);
        assert!(!sink.is_full() && !cancel.has_begun());
        assert_eq!(sink.finish().0.given, 1000);
    }
}
