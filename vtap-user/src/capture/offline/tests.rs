//! Files that were damaged, or never were captures: an error at most.

use std::io::Cursor;

use clap::Parser as _;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{Records, Replay};
use crate::{
    capture::sink::Sink,
    cli::{Cli, Command, Plan},
};
use vtap_common::counters::Counters;

fn plan() -> Plan {
    let Command::Capture(args) = Cli::parse_from(["vtap", "capture", "-r", "-"]).command;
    args.check().unwrap()
}

/// Frames that were read, if the file could be opened; whether it could be read to its end.
fn read(file: Vec<u8>) -> (u64, bool) {
    let plan = plan();
    let sink = Sink::new(Vec::new(), None);
    let mut replay = Replay { plan: &plan, counters: Counters::ZERO, sink };
    let result = Records::of(Cursor::new(file)).and_then(|mut file| file.read(&mut replay));
    (replay.counters.received.packets, result.is_ok())
}

const FRAME: [u8; 60] = [8; 60];
const FRAMES: u32 = 3;

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn pcap() -> Vec<u8> {
    let len = FRAME.len() as u32;
    let mut file = numbers(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x4_0000, 1]);
    for second in 0..FRAMES {
        file.extend(numbers(&[second, 0, len, len]));
        file.extend(FRAME);
    }
    file
}

fn pcapng() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let len = 12 + body.len() as u32;
        [&numbers(&[kind, len]), body, &numbers(&[len])].concat()
    };
    let len = FRAME.len() as u32;
    let mut file = block(0x0a0d_0d0a, &numbers(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]));
    // With an option: the resolution of time.
    file.extend(block(1, &numbers(&[1, 0, 0x0001_0009, 9, 0])));
    for second in 0..FRAMES {
        file.extend(block(6, &[&numbers(&[0, 0, second, len, len])[..], &FRAME].concat()));
    }
    file
}

#[test]
fn whole_files_are_read() {
    assert_eq!(read(pcap()), (FRAMES.into(), true));
    assert_eq!(read(pcapng()), (FRAMES.into(), true));
}

#[test]
fn a_file_that_ends_within_a_packet_gives_those_before_it() {
    for mut file in [pcap(), pcapng()] {
        file.truncate(file.len() - 10);
        assert_eq!(read(file), (u64::from(FRAMES) - 1, false));
    }
}

proptest! {
    // Each makes a reader, whose buffer is large.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn damaged_files_are_survived(
        ng in any::<bool>(),
        changes in vec((any::<Index>(), prop_oneof![any::<u8>(), Just(0), Just(0xff)]), 0..6),
        end in prop::option::of(any::<Index>()),
        compressed in any::<bool>(),
    ) {
        let mut file = if ng { pcapng() } else { pcap() };
        if compressed {
            file = zstd::encode_all(&file[..], 1).unwrap();
        }
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(end) = end {
            file.truncate(end.index(file.len()));
        }
        let (frames, _) = read(file);
        prop_assert!(frames <= 64, "{frames}");
    }

    #[test]
    fn what_is_no_capture_is_refused(file in vec(any::<u8>(), 0..200)) {
        read(file);
    }
}
