//! Nanoseconds per packet of the XDP program alone, and of emptying its ring: no interface, no
//! traffic, so that a change of the program itself shows.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::programs::{TestRun as _, TestRunOptions, Xdp};
use serde::Serialize;
use vtap_tests::frames::{outer, pattern};
use vtap_user::source::live::drain::{self, Drain};

use crate::{
    object,
    selections::{RING_SIZE, load, rules},
    traffic,
};

/// A kind of packet, under some selection.
struct Class {
    name: String,
    args: Vec<String>,
    frame: Vec<u8>,
    /// Whether it gets into the ring.
    captured: bool,
}

/// What it costs.
#[derive(Serialize)]
struct Cost {
    class: String,
    /// In the XDP program.
    kernel_ns: f64,
    /// In user space, to take it out of the ring.
    drain_ns: Option<f64>,
}

/// How long each class is run.
const TIME: Duration = Duration::from_millis(300);
/// Runs at a time of packets that do not get into the ring.
const RUNS: u32 = 50_000;
/// The size by which captures are compared.
const SIZE: usize = 114;

/// Measures all classes and prints what they cost.
pub fn run() -> Result<()> {
    let mut costs = vec![empty()?];
    for class in classes()? {
        costs.push(cost(&class)?);
    }
    println!("{}", serde_json::to_string(&costs)?);
    Ok(())
}

fn classes() -> Result<Vec<Class>> {
    let class = |name: &str, args: Vec<String>, frame, captured| Class {
        name: name.to_owned(),
        args,
        frame,
        captured,
    };
    let other = outer(([10, 9, 0, 1], [10, 9, 0, 2]), (40_000, 53), &pattern(1, SIZE));
    let tcp = vec!["--proto".into(), "tcp".into()];
    let mut classes = vec![
        class("not tunnel", Vec::new(), other, false),
        class("filtered", tcp, traffic::frame(SIZE)?, false),
    ];
    for size in [64, SIZE, 512, 1400] {
        let name = format!("captured, {size} bytes");
        classes.push(class(&name, Vec::new(), traffic::frame(size)?, true));
    }
    for count in [10, 64] {
        let name = format!("captured, {SIZE} bytes, {count} rules");
        classes.push(class(&name, rules(count), traffic::frame(SIZE)?, true));
    }
    Ok(classes)
}

/// A test run itself, with a program that does nothing.
fn empty() -> Result<Cost> {
    let mut ebpf = object::load(|_| {})?;
    let program: &mut Xdp = ebpf.program_mut("floor").context("no such program")?.try_into()?;
    program.load()?;
    let frame = traffic::frame(SIZE)?;
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < TIME {
        times.push(time(program, &frame, RUNS)?);
    }
    Ok(Cost { class: "nothing (XDP_DROP)".into(), kernel_ns: median(times), drain_ns: None })
}

fn cost(class: &Class) -> Result<Cost> {
    let (mut tap, rings) = load(&class.args)?;
    let mut drain = Drain::new(rings);
    // A record takes at most twice the space of the packet with its headers.
    let record = 2 * u32::try_from(class.frame.len() + 128)?;
    let repeat = if class.captured { RING_SIZE / record } else { RUNS };
    let (mut kernel, mut user) = (Vec::new(), Vec::new());
    let (mut runs, mut drained) = (0_u64, 0_u64);
    let begin = Instant::now();
    while begin.elapsed() < TIME {
        kernel.push(time(tap.program()?, &class.frame, repeat)?);
        runs += u64::from(repeat);
        let begin = Instant::now();
        let count = empty_rings(&mut drain)?;
        if class.captured {
            user.push(begin.elapsed().as_secs_f64() * 1e9 / count as f64);
        }
        drained += count;
    }
    let counters = tap.counters()?;
    let expected = if class.captured { runs } else { 0 };
    ensure!(counters.received.packets == runs, "{}: {counters:?}", class.name);
    ensure!(
        counters.matched.packets == expected && drained == expected,
        "{}: {expected} packets should have been captured, {drained} were: {counters:?}",
        class.name
    );
    let drain_ns = class.captured.then(|| median(user));
    Ok(Cost { class: class.name.clone(), kernel_ns: median(kernel), drain_ns })
}

/// Nanoseconds per run, by the kernel's own account, which leaves out the time of others.
fn time(program: &Xdp, frame: &[u8], repeat: u32) -> Result<f64> {
    let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
    let result = program.test_run(options).context("cannot test-run the program")?;
    // Whole nanoseconds, cut off.
    Ok(result.duration.as_nanos() as f64 + 0.5)
}

fn empty_rings(drain: &mut Drain) -> Result<u64> {
    let mut records = 0;
    loop {
        let taken = drain.batch(|header, _| {
            records += u64::from(header.caplen != 0);
            Ok(())
        })?;
        if !drain::is_full(taken) {
            return Ok(records);
        }
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}
