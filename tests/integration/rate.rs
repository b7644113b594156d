//! Many packets, and too many.

use std::{
    collections::HashMap,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Capture, wait_until},
    file,
    frames::{self, mirrored, pattern},
    need::Need,
    net::Net,
    sender::Sender,
};

crate::tests![a_hundred_thousand_a_second [Need::Speed], losses_are_counted_exactly [],];

const PACKETS: u32 = 200_000;
const RATE: u32 = 100_000;
/// How long nobody takes packets out of a ring that is full.
const STOPPED: Duration = Duration::from_millis(2500);

/// Inner packets of several protocols; each tells its number.
fn numbered(number: u32) -> Vec<u8> {
    let mut payload = number.to_be_bytes().to_vec();
    payload.extend(pattern(number, number as usize % 600));
    match number % 5 {
        0 => frames::tcp((40_000, 23), &payload),
        1 => frames::udp((1, 53), &payload),
        2 => frames::icmp(1, &payload),
        3 => frames::udp6((1, 53), &payload),
        _ => frames::ethernet(0x9999, &payload),
    }
}

fn a_hundred_thousand_a_second() -> Result<()> {
    let net = Net::new()?;
    let inner: Vec<_> = (0..PACKETS).map(numbered).collect();
    let frames: Vec<_> = inner.iter().map(|inner| mirrored(7, inner)).collect();
    let args = ["--rule", "exclude proto icmp", "--rule", "include", "-w", "x.pcapng"];
    let capture = Capture::start(&net.target, &args)?;
    Sender::new(&net.tap)?.send_paced(RATE, &frames)?;
    let ended = capture.stop()?;
    ended.check()?;
    let selected = u64::from(PACKETS) * 4 / 5;
    for (name, count) in [
        ("tunnel", u64::from(PACKETS)),
        ("not_tunnel", 0),
        ("filtered", u64::from(PACKETS) / 5),
        ("delivered.packets", selected),
        ("written", selected),
    ] {
        ensure!(ended.count(name) == count, "{name} is not {count}: {}", ended.stats);
    }
    // Packets of one flow stay in order; here it is enough that each is there once.
    let mut sent = HashMap::new();
    for inner in inner.iter().enumerate().filter(|(number, _)| number % 5 != 2).map(|(_, i)| i) {
        *sent.entry(inner.as_slice()).or_insert(0) += 1;
    }
    let packets = file::read(&ended.file("x.pcapng"))?;
    for packet in &packets {
        let count = sent.get_mut(packet.data.as_slice());
        ensure!(count.is_some_and(|count| std::mem::take(count) == 1), "{:02x?}", packet.data);
    }
    ensure!(sent.values().all(|count| *count == 0));
    let late = |pair: &[file::Packet]| pair[0].time > pair[1].time + LATE;
    ensure!(!packets.windows(2).any(late), "timestamps go back");
    Ok(())
}

/// A CPU that is held up between its looking at the clock and its writing a record is overtaken by
/// others; for longer than this on no machine that still works.
const LATE: u64 = 10_000_000;

fn losses_are_counted_exactly() -> Result<()> {
    let net = Net::new()?;
    let args = ["--ring-size", "4096", "-w", "x.pcapng", "--print"];
    let capture = Capture::start(&net.target, &args)?;
    let sender = Sender::new(&net.tap)?;
    capture.suspend()?;
    let stopped = Instant::now();
    let mut sent = 0;
    while sent < 5000 || stopped.elapsed() < STOPPED {
        sender.send_all((sent..sent + 50).map(|number| mirrored(7, &numbered(number))))?;
        sent += 50;
        sleep(Duration::from_millis(5));
    }
    capture.signal(Signal::SIGCONT)?;
    // Once what waited is out, whatever comes arrives.
    let shown = || -> Result<usize> { Ok(capture.printed()?.lines().count()) };
    wait_until("packets from before", || Ok(shown()? > 0))?;
    let waited = shown()?;
    let later: Vec<_> = (1..=20).map(|seq| frames::icmp(seq, &[9; 9])).collect();
    for (arrived, inner) in later.iter().enumerate() {
        sender.send(&mirrored(8, inner))?;
        wait_until("a packet from after", || Ok(shown()? > waited + arrived))?;
    }
    let ended = capture.stop()?;
    ended.check()?;
    let lost = ended.count("lost.ring_full");
    let delivered = ended.count("delivered.packets");
    ensure!(lost > 4000, "{}", ended.stats);
    ensure!(delivered == (waited + later.len()) as u64, "{}", ended.stats);
    ensure!(lost + delivered == u64::from(sent) + later.len() as u64, "{}", ended.stats);
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() as u64 == delivered, "{} packets in the file", packets.len());
    let end = packets[waited..].iter().map(|packet| &packet.data);
    ensure!(end.eq(&later), "what came after is not there");
    Ok(())
}
