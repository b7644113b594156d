//! What a run measures.

use super::{
    BenchOptions,
    generator::{Load, Size},
    measure::Loop,
    subject::{self, Subject},
};

/// Measurements that are taken in turn, so that whatever slows the machine for a while slows all.
pub struct Series {
    pub setting: Loop,
    pub loads: Vec<Load>,
    pub subjects: Vec<Box<dyn Subject>>,
    pub rounds: usize,
}

/// The size by which captures are compared: a small packet, as they are hard to keep up with.
pub const SIZE: Size = Size::Bytes(114);
const OTHER_SIZES: [Size; 5] =
    [Size::Bytes(64), Size::Bytes(512), Size::Bytes(1400), Size::Bytes(8900), Size::Imix];
/// Enough to meet every receive queue and hash.
const FLOWS: u32 = 64;
/// Offered in the open loop, per second.
const RATES: [u32; 9] =
    [100_000, 250_000, 500_000, 1_000_000, 2_000_000, 2_500_000, 3_000_000, 4_000_000, 5_000_000];

/// What the options ask for.
pub fn plan(options: &BenchOptions) -> Vec<Series> {
    let mut plan = if options.quick { quick() } else { full() };
    for series in &mut plan {
        if !options.only.is_empty() {
            series.subjects.retain(|subject| options.only.iter().any(|key| key == subject.key()));
        }
        if !options.size.is_empty() {
            series.loads.retain(|load| options.size.contains(&load.size));
        }
        series.rounds = options.rounds.unwrap_or(series.rounds);
        for load in &mut series.loads {
            load.seconds = options.seconds.unwrap_or(load.seconds);
        }
    }
    plan.retain(|series| !series.subjects.is_empty() && !series.loads.is_empty());
    plan
}

fn full() -> Vec<Series> {
    let closed = |loads: Vec<Load>, subjects, rounds| Series {
        setting: Loop::Closed,
        loads,
        subjects,
        rounds,
    };
    vec![
        closed(vec![load(SIZE, 0.5)], subject::all(), 11),
        closed(OTHER_SIZES.map(|size| load(size, 0.8)).to_vec(), subject::main(), 3),
        closed(vec![Load { flows: FLOWS, ..load(SIZE, 0.8) }], subject::main(), 3),
        Series {
            setting: Loop::Open,
            loads: rates(&RATES, 0.8),
            subjects: subject::main(),
            rounds: 3,
        },
    ]
}

fn quick() -> Vec<Series> {
    let closed = |size, subjects| Series {
        setting: Loop::Closed,
        loads: vec![load(size, 0.4)],
        subjects,
        rounds: 2,
    };
    vec![
        closed(SIZE, subject::all()),
        closed(Size::Bytes(1400), subject::main()),
        Series {
            setting: Loop::Open,
            loads: rates(&[500_000, 2_000_000, 4_000_000], 0.4),
            subjects: subject::main(),
            rounds: 1,
        },
    ]
}

fn load(size: Size, seconds: f64) -> Load {
    Load { size, flows: 1, rate: None, seconds }
}

fn rates(rates: &[u32], seconds: f64) -> Vec<Load> {
    let load = |rate: &u32| Load { rate: Some(*rate), ..load(SIZE, seconds) };
    rates.iter().map(load).collect()
}
