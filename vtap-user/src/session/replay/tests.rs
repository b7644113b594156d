//! Files that were damaged, or never were captures: an error at most.

use std::io::Cursor;

use anyhow::Result;
use clap::Parser as _;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{Records, Replay, Sink};
use crate::{
    cancel::Cancel,
    cli::{Cli, Command},
    plan::Plan,
};
use vtap_common::abi::Traffic;

fn plan() -> Plan {
    let Command::Capture(args) = Cli::parse_from(["vtap", "capture", "-r", "-"]).command;
    args.check().unwrap()
}

/// Frames that were read, if the file could be opened; whether it could be read to its end.
fn read(file: Vec<u8>) -> (u64, bool) {
    let (received, result) = received(file);
    (received.packets, result.is_ok())
}

/// The same with their bytes, and with what went wrong.
fn received(file: Vec<u8>) -> (Traffic, Result<()>) {
    let plan = plan();
    let sink = Sink::new(Vec::new(), None, Cancel::new().unwrap());
    let mut replay = Replay::new(&plan, sink);
    let records = Records::of(Cursor::new(file), &Cancel::new().unwrap());
    let result = records.and_then(|mut file| replay.all(&mut file, "it"));
    (replay.frames.counters().received, result)
}

const FRAME: [u8; 60] = [8; 60];
const FRAMES: u32 = 3;
const ETHERNET: u32 = 1;
const BLUETOOTH: u32 = 187;

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

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = 12 + body.len() as u32;
    [&numbers(&[kind, len]), body, &numbers(&[len])].concat()
}

fn section() -> Vec<u8> {
    block(0x0a0d_0d0a, &numbers(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]))
}

fn interface(link: u32, snaplen: u32) -> Vec<u8> {
    // With an option: the resolution of time.
    block(1, &numbers(&[link, snaplen, 0x0001_0009, 9, 0]))
}

fn packet(interface: u32, second: u32) -> Vec<u8> {
    let len = FRAME.len() as u32;
    block(6, &[&numbers(&[interface, 0, second, len, len])[..], &FRAME].concat())
}

fn pcapng() -> Vec<u8> {
    let packets = (0..FRAMES).flat_map(|second| packet(0, second));
    [section(), interface(ETHERNET, 0)].concat().into_iter().chain(packets).collect()
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

#[test]
fn packets_of_other_link_types_are_passed_over() {
    let file = [section(), interface(BLUETOOTH, 0), interface(ETHERNET, 0), packet(1, 0)];
    assert_eq!(read(file.concat()), (1, true));
    let file = [&file.concat()[..], &packet(0, 1), &packet(1, 2), &packet(0, 3)].concat();
    let plan = plan();
    let cancel = Cancel::new().unwrap();
    let mut replay = Replay::new(&plan, Sink::new(Vec::new(), None, cancel.clone()));
    let mut records = Records::of(Cursor::new(file), &cancel).unwrap();
    replay.all(&mut records, "it").unwrap();
    assert_eq!(
        (replay.frames.counters().received.packets, replay.frames.counters().not_tunnel),
        (4, 4)
    );
    assert_eq!(replay.unread.packets, 2);
}

/// Descriptions compress to next to nothing, so that a small file may have any number of them.
#[test]
fn interfaces_do_not_fill_the_memory() {
    const COUNT: usize = 1_100_000;
    let file = [section(), interface(ETHERNET, 0).repeat(COUNT), packet(0, 0)].concat();
    let first = [&file[..], &packet((1 << 20) - 1, 0)].concat();
    assert_eq!(read(first), (2, true));
    for (id, why) in [(1 << 20, "vtap keeps 1048576"), (COUNT as u32, "the section has 1100000")] {
        let (received, result) = received([&file[..], &packet(id, 0)].concat());
        assert_eq!(received.packets, 1);
        let error = format!("{:#}", result.unwrap_err());
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn obsolete_packet_blocks_are_read() {
    let len = FRAME.len() as u32;
    // One packet was dropped before it.
    let old = block(2, &[&numbers(&[0x0001_0000, 0, 5, len, len])[..], &FRAME].concat());
    let (received, result) = received([section(), interface(ETHERNET, 0), old].concat());
    result.unwrap();
    assert_eq!((received.packets, received.bytes), (1, len.into()));
}

#[test]
fn simple_packets_end_where_they_were_cut() {
    for (snaplen, origlen, kept) in [(0, 59, 59), (50, 1500, 50), (58, 57, 57), (1500, 1500, 60)] {
        let simple = block(3, &[&numbers(&[origlen])[..], &FRAME].concat());
        let (received, result) =
            received([section(), interface(ETHERNET, snaplen), simple].concat());
        result.unwrap();
        assert_eq!(received.bytes, kept, "{origlen} bytes, cut at {snaplen}");
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
