//! A ring in a file, laid out as the kernel lays out its own.

use std::{fs::File, io::Write as _, os::unix::fs::FileExt as _};

use super::*;

const SIZE: u32 = 4096;
const HEADER: u64 = 8;

/// What the kernel does at its end.
struct Producer {
    file: File,
    position: u64,
}

impl Producer {
    fn new() -> (Self, Ring) {
        let mut file = tempfile::tempfile().unwrap();
        let page = rustix::param::page_size();
        file.write_all(&vec![0; 2 * page + 2 * SIZE as usize]).unwrap();
        let ring = Ring::new(file.try_clone().unwrap().into(), SIZE).unwrap();
        (Self { file, position: 0 }, ring)
    }

    /// Writes a record with these bits in its header, and returns its position.
    fn write(&mut self, bits: u32, data: &[u8]) -> u64 {
        let position = self.position;
        let head = [(data.len() as u32 | bits).to_ne_bytes(), [0xee; 4]].concat();
        for (offset, byte) in (0..).zip([&head, data].concat()) {
            self.put(position + offset, byte);
        }
        self.position += (HEADER + data.len() as u64).next_multiple_of(8);
        let page = rustix::param::page_size() as u64;
        self.file.write_all_at(&self.position.to_ne_bytes(), page).unwrap();
        position
    }

    /// Both copies of the data show the byte.
    fn put(&self, position: u64, byte: u8) {
        let data = 2 * rustix::param::page_size() as u64;
        let offset = position % u64::from(SIZE);
        for copy in [0, u64::from(SIZE)] {
            self.file.write_all_at(&[byte], data + copy + offset).unwrap();
        }
    }

    /// What the consumer has given back.
    fn released(&self) -> u64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        u64::from_ne_bytes(bytes)
    }
}

fn take(ring: &mut Ring) -> Option<(u64, Vec<u8>)> {
    let (position, record) = ring.peek()?;
    let taken = (position, record.to_vec());
    ring.advance();
    Some(taken)
}

#[test]
fn records_of_any_length() {
    let (mut producer, mut ring) = Producer::new();
    assert_eq!(ring.size(), u64::from(SIZE));
    for (len, position) in [(0_u8, 0), (1, 8), (8, 24), (9, 40), (16, 64)] {
        assert_eq!(producer.write(0, &vec![len; usize::from(len)]), position);
    }
    assert!(!ring.is_used());
    assert_eq!(take(&mut ring), None);
    assert_eq!(ring.refresh(), 88);
    assert!(ring.is_used());
    for (len, position) in [(0_u8, 0), (1, 8), (8, 24), (9, 40), (16, 64)] {
        assert_eq!(take(&mut ring), Some((position, vec![len; usize::from(len)])));
    }
    assert_eq!(take(&mut ring), None);
    assert_eq!((ring.held(), producer.released()), (88, 0));
    ring.release();
    assert_eq!((ring.held(), producer.released()), (0, 88));
}

#[test]
fn busy_and_discarded_records() {
    let (mut producer, mut ring) = Producer::new();
    producer.write(BPF_RINGBUF_DISCARD_BIT, &[1; 24]);
    producer.write(0, &[2; 24]);
    let busy = producer.write(BPF_RINGBUF_BUSY_BIT, &[3; 24]);
    producer.write(0, &[4; 24]);
    producer.write(BPF_RINGBUF_DISCARD_BIT, &[5; 24]);
    ring.refresh();
    assert_eq!(take(&mut ring), Some((32, vec![2; 24])));
    assert_eq!(take(&mut ring), None);
    // It is finished.
    for (offset, byte) in (0..).zip(24_u32.to_ne_bytes()) {
        producer.put(busy + offset, byte);
    }
    assert_eq!(take(&mut ring), Some((busy, vec![3; 24])));
    assert_eq!(take(&mut ring), Some((96, vec![4; 24])));
    assert_eq!(take(&mut ring), None);
    ring.release();
    assert_eq!(producer.released(), 160);
}

#[test]
fn only_what_was_there_is_shown() {
    let (mut producer, mut ring) = Producer::new();
    producer.write(0, &[1; 8]);
    assert_eq!(ring.refresh(), 16);
    producer.write(0, &[2; 8]);
    assert_eq!(take(&mut ring), Some((0, vec![1; 8])));
    assert_eq!(take(&mut ring), None);
    assert_eq!(ring.refresh(), 32);
    assert_eq!(take(&mut ring), Some((16, vec![2; 8])));
}

#[test]
fn records_are_whole_where_the_ring_begins_anew() {
    let (mut producer, mut ring) = Producer::new();
    for round in 0..100_u8 {
        let record: Vec<u8> = (0..=254).map(|byte| round ^ byte).collect();
        let position = producer.write(0, &record);
        ring.refresh();
        assert_eq!(take(&mut ring), Some((position, record)));
        ring.release();
    }
    assert!(producer.released() > 6 * u64::from(SIZE));
}

/// A reader that is opened later goes on where the last one ended.
#[test]
fn begins_at_the_released_position() {
    let (mut producer, mut ring) = Producer::new();
    producer.write(0, &[1; 8]);
    producer.write(0, &[2; 8]);
    ring.refresh();
    take(&mut ring);
    ring.release();
    let mut other = Ring::new(producer.file.try_clone().unwrap().into(), SIZE).unwrap();
    assert_eq!(other.held(), 0);
    other.refresh();
    assert_eq!(take(&mut other), Some((16, vec![2; 8])));
}

/// The kernel never writes such a length. If it did, nothing outside of the mapping is read.
#[test]
fn a_length_beyond_the_mapping_shows_nothing() {
    let (mut producer, mut ring) = Producer::new();
    let position = producer.write(0, &[1; 8]);
    for (offset, byte) in (0..).zip((2 * SIZE - 7).to_ne_bytes()) {
        producer.put(position + offset, byte);
    }
    ring.refresh();
    assert_eq!(take(&mut ring), None);
    for (offset, byte) in (0..).zip((2 * SIZE - 8).to_ne_bytes()) {
        producer.put(position + offset, byte);
    }
    assert_eq!(take(&mut ring).map(|(_, record)| record.len()), Some(2 * SIZE as usize - 8));
}
