//! The merge over rings that a test fills.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use proptest::{collection::vec, prelude::*};

use super::*;

/// A record with its ring's index as the captured byte, and a number as the wire length.
fn record(time: u64, ring: u8, number: u32) -> Vec<u8> {
    let mut record = time.to_ne_bytes().to_vec();
    record.extend(1_u32.to_ne_bytes());
    record.extend(number.to_ne_bytes());
    record.resize(size_of::<RecordHeader>(), 0);
    record.push(ring);
    record
}

/// Time, ring and number.
type Taken = (u64, u8, u32);

fn taken(header: &RecordHeader, data: &[u8]) -> Taken {
    (header.timestamp, data[0], header.wirelen)
}

#[derive(Clone)]
enum State {
    Finished(Vec<u8>),
    Discarded,
    Busy,
}

/// The bytes that a record of these tests occupies.
const RECORD: u64 = 64;

/// What the writer of a ring and its reader share.
#[derive(Default)]
struct Shared {
    /// Records from the released position on.
    records: RefCell<VecDeque<State>>,
    written: Cell<u64>,
    released: Cell<u64>,
}

impl Shared {
    fn write(&self, state: State) {
        self.records.borrow_mut().push_back(state);
        self.written.set(self.written.get() + RECORD);
    }

    fn index(&self, position: u64) -> usize {
        ((position - self.released.get()) / RECORD) as usize
    }

    fn finish(&self, position: u64, record: Vec<u8>) {
        let index = self.index(position);
        self.records.borrow_mut()[index] = State::Finished(record);
    }

    fn is_empty(&self) -> bool {
        self.released == self.written
    }
}

/// A ring whose writer is a test.
struct Model {
    shared: Rc<Shared>,
    size: u64,
    position: u64,
    written: u64,
    shown: Vec<u8>,
    /// Runs after the reader looked what was written.
    on_refresh: Option<Box<dyn FnMut()>>,
}

impl Model {
    fn new(size: u64) -> (Self, Rc<Shared>) {
        let shared = Rc::new(Shared::default());
        let (position, written, shown) = (0, 0, Vec::new());
        let model =
            Self { shared: shared.clone(), size, position, written, shown, on_refresh: None };
        (model, shared)
    }

    fn state(&self) -> State {
        self.shared.records.borrow()[self.shared.index(self.position)].clone()
    }
}

impl RecordQueue for Model {
    fn refresh(&mut self) -> u64 {
        self.written = self.shared.written.get();
        if let Some(work) = &mut self.on_refresh {
            work();
        }
        self.written
    }

    fn peek(&mut self) -> Option<(u64, &[u8])> {
        while self.position < self.written {
            match self.state() {
                State::Busy => return None,
                State::Discarded => self.position += RECORD,
                State::Finished(record) => {
                    self.shown = record;
                    return Some((self.position, &self.shown));
                }
            }
        }
        None
    }

    fn advance(&mut self) {
        assert!(self.position < self.written, "there is nothing to take");
        self.position += RECORD;
    }

    fn release(&mut self) {
        let records = (self.held() / RECORD) as usize;
        self.shared.records.borrow_mut().drain(..records);
        self.shared.released.set(self.position);
    }

    fn held(&self) -> u64 {
        self.position - self.shared.released.get()
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// Rings that hold records of these times.
fn rings(times: &[&[u64]]) -> (Drain<Model>, Vec<Rc<Shared>>) {
    let mut models = Vec::new();
    let mut writers = Vec::new();
    for (ring, times) in (0..).zip(times) {
        let (model, shared) = Model::new(1 << 20);
        for (number, time) in (0..).zip(*times) {
            shared.write(State::Finished(record(*time, ring, number)));
        }
        models.push(model);
        writers.push(shared);
    }
    (Drain::new(models), writers)
}

fn batch(drain: &mut Drain<Model>) -> Vec<Taken> {
    let mut all = Vec::new();
    let count = drain.batch(|header, data| {
        all.push(taken(header, data));
        Ok(())
    });
    assert_eq!(count.unwrap(), all.len());
    all
}

fn times(taken: &[Taken]) -> Vec<u64> {
    taken.iter().map(|(time, ..)| *time).collect()
}

#[test]
fn oldest_first() {
    let (mut drain, writers) = rings(&[&[1, 4, 5, 9], &[2, 3, 10], &[], &[6, 7, 8]]);
    assert_eq!(drain.queues().map(|ring| ring.shared.written.get()).sum::<u64>(), 10 * RECORD);
    assert_eq!(times(&batch(&mut drain)), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert!(batch(&mut drain).is_empty());
    assert!(writers.iter().all(|ring| ring.is_empty()));
}

#[test]
fn equal_times_keep_the_order_of_each_ring() {
    let (mut drain, _) = rings(&[&[5, 5, 5], &[5, 5], &[4, 5]]);
    let taken = batch(&mut drain);
    assert_eq!(times(&taken), [4, 5, 5, 5, 5, 5, 5]);
    for (ring, count) in [(0, 3), (1, 2), (2, 2)] {
        let numbers = taken.iter().filter(|(_, from, _)| *from == ring).map(|taken| taken.2);
        assert!(numbers.eq(0..count), "{taken:?}");
    }
}

#[test]
fn no_rings_no_records() {
    assert!(batch(&mut rings(&[]).0).is_empty());
    assert!(batch(&mut rings(&[&[], &[]]).0).is_empty());
}

#[test]
fn times_that_are_far_off_hold_nothing_up() {
    let (mut drain, _) = rings(&[&[0, u64::MAX, u64::MAX], &[u64::MAX - 1]]);
    assert_eq!(times(&batch(&mut drain)), [0, u64::MAX - 1, u64::MAX, u64::MAX]);
}

#[test]
fn discarded_records_are_skipped() {
    let (mut drain, writers) = rings(&[&[], &[]]);
    for (ring, time) in [(0, 1), (1, 2), (0, 3)] {
        writers[ring].write(State::Discarded);
        writers[ring].write(State::Finished(record(time, 0, 0)));
        writers[ring].write(State::Discarded);
    }
    assert_eq!(times(&batch(&mut drain)), [1, 2, 3]);
    assert!(writers.iter().all(|ring| ring.is_empty()));
}

/// A CPU may be held up while it writes. The others do not wait for it.
#[test]
fn a_record_that_is_being_written_comes_later() {
    let (mut drain, writers) = rings(&[&[1], &[2, 6]]);
    let busy = writers[0].written.get();
    writers[0].write(State::Busy);
    writers[0].write(State::Finished(record(4, 0, 2)));
    assert_eq!(times(&batch(&mut drain)), [1, 2, 6]);
    assert!(batch(&mut drain).is_empty());
    writers[0].finish(busy, record(3, 0, 1));
    assert_eq!(times(&batch(&mut drain)), [3, 4]);
}

#[test]
fn a_batch_ends_when_it_is_full() {
    let many: Vec<u64> = (0..1500).collect();
    let later: Vec<u64> = (1500..2500).collect();
    let (mut drain, _) = rings(&[&later, &many]);
    let first = batch(&mut drain);
    assert!(is_full(first.len()));
    let second = batch(&mut drain);
    assert!(is_full(second.len()));
    let third = batch(&mut drain);
    assert!(!is_full(third.len()));
    assert_eq!(times(&[first, second, third].concat()), (0..2500).collect::<Vec<_>>());
}

#[test]
fn an_error_ends_the_batch_after_its_record() {
    let (mut drain, writers) = rings(&[&[1, 3, 5], &[2, 4]]);
    let mut seen = 0;
    let failed = drain.batch(|_, _| {
        seen += 1;
        anyhow::ensure!(seen < 3, "the output is full");
        Ok(())
    });
    assert_eq!(failed.unwrap_err().to_string(), "the output is full");
    // What was taken is not handed out again, and no longer takes up space.
    assert!(writers.iter().map(|ring| ring.released.get()).eq([2 * RECORD, RECORD]));
    assert_eq!(times(&batch(&mut drain)), [4, 5]);
}

#[test]
fn a_record_without_a_whole_header_is_an_error() {
    let (mut drain, writers) = rings(&[&[1]]);
    writers[0].write(State::Finished(vec![0; size_of::<RecordHeader>() - 1]));
    let error = drain.batch(|_, _| Ok(())).unwrap_err().to_string();
    assert!(error.contains("too short"), "{error}");
}

/// Space is given back while the batch goes on, an eighth of the ring at a time.
#[test]
fn a_batch_does_not_hold_a_small_ring() {
    const SIZE: u64 = 64 * RECORD;
    let (model, shared) = Model::new(SIZE);
    for number in 0..64 {
        shared.write(State::Finished(record(u64::from(number), 0, number)));
    }
    let mut released = Vec::new();
    Drain::new(vec![model])
        .batch(|_, _| {
            released.push(shared.released.get() / RECORD);
            Ok(())
        })
        .unwrap();
    let expected: Vec<u64> = (0..64).map(|number| number / 8 * 8).collect();
    assert_eq!(released, expected);
    assert!(shared.is_empty());
}

proptest! {
    /// Records come in the order in which they were written, and each comes once, whatever is
    /// written while the rings are read.
    #[test]
    fn in_order_while_more_is_written(
        before in vec(0..4_u8, 0..40),
        meanwhile in vec(vec(0..4_u8, 0..4), 0..200),
    ) {
        let clock = Rc::new(Cell::new(0));
        let (models, writers): (Vec<_>, Vec<_>) = (0..4).map(|_| Model::new(1 << 20)).unzip();
        let write = {
            let clock = clock.clone();
            Rc::new(move |ring: u8| {
                let number = clock.replace(clock.get() + 1);
                let record = record(u64::from(number), ring, number);
                writers[usize::from(ring)].write(State::Finished(record));
            })
        };
        before.into_iter().for_each(&*write);
        let meanwhile = Rc::new(RefCell::new(meanwhile.into_iter()));
        let models = models.into_iter().map(|mut model| {
            let (meanwhile, write) = (meanwhile.clone(), write.clone());
            model.on_refresh = Some(Box::new(move || {
                let next = meanwhile.borrow_mut().next();
                next.into_iter().flatten().for_each(&*write);
            }));
            model
        });
        let mut drain = Drain::new(models.collect());
        // Each batch looks at four rings twice, and more is written at each look. The last batches
        // take what was written during the others.
        let all: Vec<_> = (0..200 / 8 + 2).flat_map(|_| batch(&mut drain)).collect();
        prop_assert_eq!(meanwhile.borrow().len(), 0);
        let numbers: Vec<u32> = all.iter().map(|taken| taken.2).collect();
        prop_assert_eq!(numbers, (0..clock.get()).collect::<Vec<_>>());
    }
}
