//! Packets that several CPUs receive.

use anyhow::{Context as _, Result, ensure};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::signal::Signal,
    unistd::Pid,
};
use vtap_tests::{
    arrivals::Arrivals,
    capture::Capture,
    file::{self, Packet},
    frames::{self, mirrored},
    need::{self, Need},
    net::Net,
    sender::Sender,
};

crate::tests![
    blocks_of_all_cpus_in_order [Need::Veth, Need::Cpus(2)],
    all_cpus_at_once [Need::Veth, Need::Cpus(2)],
    a_cpu_is_switched_on_meanwhile [Need::Veth, Need::Cpus(2), Need::SparedCpu],
];

const MODES: [&str; 2] = ["native", "generic"];
/// The CPUs that send, and so receive: a veth pair hands packets over on the CPU that sends them.
const CPUS: [usize; 2] = [0, 1];
/// A CPU that is interrupted between reading the clock and writing a record is overtaken by others.
/// On a machine that still works, that is never for longer than this, in nanoseconds.
const LATE: u64 = 10_000_000;

/// An inner packet that tells its number.
fn numbered(number: u32) -> Vec<u8> {
    frames::udp((1, 2), &number.to_be_bytes())
}

fn number(packet: &Packet) -> Result<u32> {
    let payload = packet.data.get(14 + 20 + 8..).and_then(<[u8]>::first_chunk);
    Ok(u32::from_be_bytes(*payload.context("a packet without a number")?))
}

/// Keeps this thread on a CPU.
fn stay_on(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Frames that each CPU has taken from its backlog, where generic XDP sees them.
fn backlogs() -> Result<Vec<u64>> {
    let table = std::fs::read_to_string("/proc/net/softnet_stat")?;
    let first = table.lines().filter_map(|line| line.split_whitespace().next());
    first.map(|count| Ok(u64::from_str_radix(count, 16)?)).collect()
}

/// The CPUs take turns while nobody reads, so that their rings hold packets of alternating times.
fn blocks_of_all_cpus_in_order() -> Result<()> {
    const BLOCKS: u32 = 60;
    const BLOCK: u32 = 5;
    for mode in MODES {
        let net = Net::new()?;
        let capture = Capture::start(&net.target, &["--xdp-mode", mode, "-w", "x.pcapng"])?;
        let sender = Sender::new(&net.tap)?;
        capture.suspend()?;
        let before = backlogs()?;
        for (block, cpu) in (0..BLOCKS).zip(CPUS.into_iter().cycle()) {
            stay_on(cpu)?;
            let numbers = block * BLOCK..(block + 1) * BLOCK;
            sender.send_all(numbers.map(|number| mirrored(7, &numbered(number))))?;
        }
        if mode == "generic" {
            let each = u64::from(BLOCKS * BLOCK) / CPUS.len() as u64;
            let after = backlogs()?;
            let enough = CPUS.iter().all(|cpu| after[*cpu] >= before[*cpu] + each);
            ensure!(enough, "not every CPU took its share: {before:?}, then {after:?}");
        }
        capture.signal(Signal::SIGCONT)?;
        let ended = capture.stop()?;
        ended.check()?;
        let packets = file::read(&ended.file("x.pcapng"))?;
        let numbers = packets.iter().map(number).collect::<Result<Vec<_>>>()?;
        ensure!(numbers.iter().copied().eq(0..BLOCKS * BLOCK), "{mode}: {numbers:?}");
        ensure!(packets.is_sorted_by_key(|packet| packet.time), "{mode}: times go back");
    }
    Ok(())
}

fn all_cpus_at_once() -> Result<()> {
    const PACKETS: u32 = 30_000;
    for mode in MODES {
        let net = Net::new()?;
        let capture = Capture::start(&net.target, &["--xdp-mode", mode, "-w", "x.pcapng"])?;
        let mut arrivals = Arrivals::from(&net.tap)?;
        arrivals.begin()?;
        std::thread::scope(|scope| -> Result<()> {
            let send = |cpu: usize| {
                let tap = &net.tap;
                move || -> Result<()> {
                    stay_on(cpu)?;
                    let sender = Sender::new(tap)?;
                    sender.send_all((0..PACKETS).map(|n| mirrored(cpu as u32, &numbered(n))))
                }
            };
            let threads = CPUS.map(|cpu| scope.spawn(send(cpu)));
            threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
        })?;
        // Each of them may have taken the other's frames for its own.
        arrivals.wait_for(CPUS.len() as u64 * u64::from(PACKETS))?;
        arrivals.settle()?;
        let ended = capture.stop()?;
        ended.check()?;
        ensure!(ended.count("lost.total") == 0, "{mode}: {}", ended.stats);
        let packets = file::read(&ended.file("x.pcapng"))?;
        ensure!(packets.len() == CPUS.len() * PACKETS as usize, "{mode}: {}", packets.len());
        for cpu in CPUS {
            let vni = format!("vni {cpu}");
            let own = packets.iter().filter(|packet| packet.description.as_ref() == Some(&vni));
            let numbers = own.map(number).collect::<Result<Vec<_>>>()?;
            let wrong = numbers.iter().zip(0..).find(|(number, expected)| *number != expected);
            ensure!(wrong.is_none(), "{mode}: of CPU {cpu} came {wrong:?} (number, expected)");
            ensure!(numbers.len() == PACKETS as usize, "{mode}: CPU {cpu}: {}", numbers.len());
        }
        let back = |pair: &&[Packet]| pair[0].time > pair[1].time + LATE;
        let late = packets.windows(2).find(back);
        ensure!(late.is_none(), "{mode}: times go back: {late:?}");
    }
    Ok(())
}

/// Switches a CPU off, and on again when it is dropped.
struct SwitchedOff(&'static str);

impl SwitchedOff {
    fn cpu_1() -> Result<Self> {
        let file = need::CPU_1;
        std::fs::write(file, "0").context(file)?;
        Ok(Self(file))
    }
}

impl Drop for SwitchedOff {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0, "1");
    }
}

fn a_cpu_is_switched_on_meanwhile() -> Result<()> {
    const PACKETS: u16 = 300;
    let net = Net::new()?;
    let switched_off = SwitchedOff::cpu_1()?;
    let capture = Capture::start(&net.target, &["--xdp-mode", "generic", "--no-print"])?;
    drop(switched_off);
    stay_on(1)?;
    let before = backlogs()?;
    let sender = Sender::new(&net.tap)?;
    sender.send_all((0..PACKETS).map(|seq| mirrored(7, &frames::icmp(seq, &[]))))?;
    let after = backlogs()?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(after[1] >= before[1] + u64::from(PACKETS), "CPU 1: {before:?}, then {after:?}");
    ensure!(ended.count("delivered.packets") == u64::from(PACKETS), "{}", ended.stats);
    Ok(())
}
