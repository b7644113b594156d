//! Lanes in front of transports that are slow, or fail.

use std::{
    io,
    sync::{Arc, Mutex, mpsc},
};

use anyhow::Result;
use vtap_common::{abi::ProtocolClass, tunnel::LinkType, wire::Address};

use super::{Lane, Parts, policy::Policy, status::Cause};
use crate::{
    cancel::Cancel,
    output::{format::Format, transport::Transport},
    packet::{Packet, Tunnel},
    timestamp::Timestamp,
};

/// Each packet is its bytes.
struct Plain {
    expensive: bool,
}

impl Format for Plain {
    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()> {
        bytes.extend_from_slice(packet.data);
        Ok(())
    }

    fn is_expensive(&self) -> bool {
        self.expensive
    }
}

/// Takes as many bytes in all as there is room for, and nothing before it is let go.
struct Slow {
    go: mpsc::Receiver<()>,
    room: usize,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Transport for Slow {
    fn write(&mut self, bytes: &[u8], _: &Cancel) -> io::Result<usize> {
        // Once the other end is gone, nothing holds it any more.
        let _ = self.go.recv();
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= count;
        self.written.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}

const SIZE: usize = 1000;

fn lane(policy: Policy, expensive: bool, room: usize, cancel: &Cancel) -> (Lane, Far) {
    let (let_go, go) = mpsc::channel();
    let written = Arc::default();
    let transport = Slow { go, room, written: Arc::clone(&written) };
    let parts = Parts {
        output: "test".into(),
        name: "test".into(),
        policy,
        format: Box::new(Plain { expensive }),
        compression: None,
        transport: Box::new(transport),
    };
    (Lane::start(parts, cancel).unwrap(), Far { let_go, written })
}

/// What a test holds of the other end.
struct Far {
    let_go: mpsc::Sender<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

fn give(lane: &mut Lane, count: u64) {
    let tunnel =
        Tunnel { vni: 7, src: Address::NONE, dst: Address::NONE, src_port: 1, queue: None };
    for number in 0..count {
        lane.packet(&Packet {
            time: Timestamp::default(),
            tunnel,
            link: LinkType::Ethernet,
            class: ProtocolClass::Other,
            wirelen: SIZE as u32,
            data: &[number as u8; SIZE],
        });
    }
}

#[test]
fn one_who_looks_on_is_never_waited_for() {
    for expensive in [false, true] {
        let cancel = Cancel::new().unwrap();
        let (mut lane, far) = lane(Policy::LetGo, expensive, usize::MAX, &cancel);
        // Far more than a queue holds, and nothing is written meanwhile.
        let given = 50_000;
        give(&mut lane, given);
        lane.flush();
        let (packets, dropped) = (lane.status().packets(), lane.status().dropped());
        assert!(packets == 0 && dropped > 30_000 && dropped < given, "{dropped} dropped");
        drop(far.let_go);
        lane.close();
        let report = lane.finish();
        assert_eq!(report.packets + report.dropped, given);
        assert_eq!(report.dropped, dropped);
        assert_eq!(far.written.lock().unwrap().len() as u64, report.packets * SIZE as u64);
        assert!(report.failure.is_none() && !cancel.has_begun());
    }
}

#[test]
fn an_output_that_fails_has_whole_packets_and_ends_the_capture() {
    for (policy, ends) in [(Policy::HoldUp, true), (Policy::LetGo, false)] {
        let cancel = Cancel::new().unwrap();
        // Room for 20 packets and a half.
        let (mut lane, far) = lane(policy, false, 20 * SIZE + SIZE / 2, &cancel);
        drop(far.let_go);
        give(&mut lane, 100);
        lane.close();
        let report = lane.finish();
        assert_eq!((report.packets, report.dropped), (20, 80));
        assert_eq!(report.failure.unwrap().cause, Cause::Error);
        assert_eq!(cancel.has_begun(), ends);
    }
}
