//! The program in the kernel: that it is exchanged without losing a packet, that its loss is noticed,
//! and what is said where it can't be loaded or attached.

use std::{
    collections::HashSet,
    io, mem,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
    process::Output,
    sync::atomic::{AtomicBool, Ordering},
    thread::scope,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use aya::programs::Xdp;
use vtap_common::select::Selection;
use vtap_tests::{
    capture::{self, Capture, binary},
    file,
    frames::{self, mirrored},
    need::in_emulation,
    net::{Net, TARGET_DEV},
    sender::Sender,
};
use vtap_user::kernel::{Program, Rings, Tap, TapSettings, load_program};

crate::tests![
    exchanges_lose_nothing [],
    detached_by_another ["bpftool"],
    replaced_by_another [],
    what_holds_the_interface_is_told_how_to_detach ["bpftool"],
    missing_capabilities_are_named ["setpriv"],
    too_few_descriptors ["prlimit"],
];

/// Frames per second while the program is exchanged.
const RATE: u32 = 50_000;
const EXCHANGES: usize = 10;

/// The verdict changes with a VXLAN device that comes and goes, while numbered packets arrive.
fn exchanges_lose_nothing() -> Result<()> {
    let net = Net::new()?;
    let args = ["-w", "x.pcap", "--ring-size", "32M"];
    let mut capture = Capture::start(&net.target, &args)?;
    let enough = AtomicBool::new(false);
    let mut programs = Vec::new();
    let sent = scope(|scope| -> Result<u32> {
        let sending = scope.spawn(|| -> Result<u32> {
            let sender = Sender::new(&net.tap)?;
            let mut sent = 0;
            while !enough.load(Ordering::Relaxed) {
                let until = sent + RATE / 20;
                sender.send_paced(RATE, (sent..until).map(numbered))?;
                sent = until;
            }
            Ok(sent)
        });
        let exchanged = (|| -> Result<()> {
            let mut seen = capture.lines_said();
            for number in 0..EXCHANGES {
                programs.extend(net.target.xdp_program(TARGET_DEV)?);
                let (change, verdict) = if number % 2 == 0 {
                    ("ip link add vx7 type vxlan id 7 dstport 4789", "pass")
                } else {
                    ("ip link del vx7", "drop")
                };
                net.target.run(change)?;
                seen = capture.wait_until_said(&format!("from now on: {verdict}"), seen)?;
            }
            Ok(())
        })();
        enough.store(true, Ordering::Relaxed);
        let sent = sending.join().expect("it does not panic")?;
        exchanged.map(|()| sent)
    })?;
    programs.sort_unstable();
    programs.dedup();
    ensure!(programs.len() == EXCHANGES, "it is not another program each time: {programs:?}");
    let ended = capture.stop()?;
    ended.check()?;
    for name in ["tunnel", "matched.packets", "delivered.packets", "written"] {
        ensure!(ended.count(name) == u64::from(sent), "{name} is not {sent}: {}", ended.stats);
    }
    let mut missing: HashSet<_> = (0..sent).map(inner).collect();
    for packet in file::read(&ended.file("x.pcap"))? {
        ensure!(missing.remove(&packet.data), "twice, or never sent: {packet:?}");
    }
    ensure!(missing.is_empty(), "{} are missing", missing.len());
    Ok(())
}

fn inner(number: u32) -> Vec<u8> {
    frames::udp((40_000, 53), &number.to_be_bytes())
}

fn numbered(number: u32) -> Vec<u8> {
    mirrored(7, &inner(number))
}

/// Checks how a capture ends that has lost its program, after one packet.
fn ends_in_error(capture: Capture, words: &str) -> Result<()> {
    let begin = Instant::now();
    let ended = capture.wait()?;
    let soon = begin.elapsed() < Duration::from_secs(4) || in_emulation();
    ensure!(soon, "it ends after {:?}", begin.elapsed());
    ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
    ensure!(ended.stderr.contains(words), "no `{words}` in {}", ended.stderr);
    ended.check_accounts()?;
    ensure!(ended.count("written") == 1 && file::read(&ended.file("x.pcap"))?.len() == 1);
    Ok(())
}

/// Id of the link that holds a program.
fn link_of(net: &Net, program: u64) -> Result<u64> {
    let links = net.target.output("bpftool -j link show")?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&links)?;
    let link = links.iter().find(|link| link["type"] == "xdp" && link["prog_id"] == program);
    link.and_then(|link| link["id"].as_u64()).context("no link holds it")
}

fn detached_by_another() -> Result<()> {
    let net = Net::new()?;
    for verdict in ["auto", "drop"] {
        let capture = Capture::start(&net.target, &["-w", "x.pcap", "--verdict", verdict])?;
        Sender::new(&net.tap)?.send(&numbered(1))?;
        let program = net.target.xdp_program(TARGET_DEV)?.context("no program")?;
        net.target.run(&format!("bpftool link detach id {}", link_of(&net, program)?))?;
        ends_in_error(capture, "somebody has detached vtap's XDP program from ens3")?;
    }
    Ok(())
}

/// Another process may hold the link as well, and put its own program there.
fn replaced_by_another() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcap"])?;
    Sender::new(&net.tap)?.send(&numbered(1))?;
    let program = net.target.xdp_program(TARGET_DEV)?.context("no program")?;
    let (mut other, _rings) = load()?;
    let link = link_by_id(u32::try_from(link_of(&net, program)?)?)?;
    update(&link, other.program()?)?;
    ends_in_error(capture, "in the place of vtap's on ens3")?;
    // It is not vtap's to detach.
    ensure!(net.target.xdp_program(TARGET_DEV)? == Some(id(other.program()?)?.into()));
    drop(link);
    Ok(())
}

fn load() -> Result<(Tap, Rings)> {
    let settings = TapSettings {
        selection: &Selection::ANY,
        pass: true,
        snaplen: 64,
        bare_ip: false,
        log_level: log::LevelFilter::Off,
    };
    load_program(&settings, 65_536, Program::of_this_kernel())
}

fn id(program: &Xdp) -> Result<u32> {
    Ok(program.info()?.id())
}

/// The command `number` of the `bpf` system call.
fn bpf(number: i32, attributes: &[u32; 4]) -> Result<i32> {
    let size = mem::size_of_val(attributes);
    // SAFETY: the attributes of the two commands below hold no pointers.
    let result = unsafe { libc::syscall(libc::SYS_bpf, number, attributes.as_ptr(), size) };
    ensure!(result >= 0, "{}", io::Error::last_os_error());
    Ok(i32::try_from(result)?)
}

fn link_by_id(id: u32) -> Result<OwnedFd> {
    const LINK_GET_FD_BY_ID: i32 = 30;
    let fd = bpf(LINK_GET_FD_BY_ID, &[id, 0, 0, 0])?;
    // SAFETY: the kernel has made the descriptor for this call.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn update(link: &OwnedFd, program: &Xdp) -> Result<()> {
    const LINK_UPDATE: i32 = 29;
    let (link, program) = (link.as_raw_fd(), program.fd()?.as_fd().as_raw_fd());
    bpf(LINK_UPDATE, &[link.cast_unsigned(), program.cast_unsigned(), 0, 0]).map(drop)
}

/// What vtap says when the interface is taken, after which `advice` works.
fn refusal(net: &Net) -> Result<String> {
    let output = capture::run(&net.target, &["capture", "-i", TARGET_DEV, "--no-print"])?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(1), "{}: {stderr}", output.status);
    ensure!(stderr.contains("ens3 already has an XDP program"), "{stderr}");
    Ok(stderr)
}

/// The commands in a text, which are in backticks.
fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn what_holds_the_interface_is_told_how_to_detach() -> Result<()> {
    let net = Net::new()?;
    let first = Capture::start(&net.target, &["-w", "x.pcap"])?;
    Sender::new(&net.tap)?.send(&numbered(1))?;
    let said = refusal(&net)?;
    ensure!(!said.contains("xdp off"), "{said}");
    let detach = commands(&said).find(|command| command.starts_with("bpftool link detach"));
    net.target.run(detach.context(said.clone())?)?;
    ends_in_error(first, "somebody has detached")?;
    // A program that netlink attached, in either mode.
    let (mut other, _rings) = load()?;
    let id = id(other.program()?)?;
    for (mode, off) in [("xdpgeneric", "xdpgeneric off"), ("xdpdrv", "xdp off")] {
        net.target.run(&format!("bpftool net attach {mode} id {id} dev {TARGET_DEV}"))?;
        let said = refusal(&net)?;
        ensure!(said.contains(off) && !said.contains("bpftool"), "{said}");
        net.target.run(&format!("ip link set dev {TARGET_DEV} {off}"))?;
        ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "`{off}` does not detach it");
    }
    Capture::start(&net.target, &[])?.stop()?.check()
}

/// Runs vtap by another program, and returns what it says when it fails.
fn fails_by(net: &Net, program: &str, args: &[&str]) -> Result<String> {
    let mut command = net.target.command("timeout");
    command.args(["20", program]).args(args).arg(binary()).args([
        "capture",
        "-i",
        TARGET_DEV,
        "--no-print",
    ]);
    let Output { status, stderr, .. } = command.output()?;
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    ensure!(status.code() == Some(1), "{args:?}: {status}: {stderr}");
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{args:?} leaves a program");
    Ok(stderr)
}

fn missing_capabilities_are_named() -> Result<()> {
    let net = Net::new()?;
    for (without, lacking) in [
        ("-perfmon,-sys_admin", "vtap lacks CAP_PERFMON,"),
        ("-bpf,-sys_admin", "vtap lacks CAP_BPF,"),
        ("-net_admin,-sys_admin", "vtap lacks CAP_NET_ADMIN,"),
        ("-all", "vtap lacks CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON,"),
    ] {
        let said = fails_by(&net, "setpriv", &["--bounding-set", without])?;
        ensure!(said.contains(lacking), "{without}: {said}");
        ensure!(!said.contains("verifier"), "{without}: {said}");
        // Each thing is said once.
        ensure!(said.matches("create").count() <= 1, "{without}: {said}");
    }
    Ok(())
}

/// However few there are, it is said that they are too few, or it works.
fn too_few_descriptors() -> Result<()> {
    let net = Net::new()?;
    for limit in [6, 8, 10, 12, 14, 16] {
        let limit = format!("--nofile={limit}");
        let said = fails_by(&net, "prlimit", &[&limit])?;
        ensure!(said.contains("Too many open files"), "{limit}: {said}");
        ensure!(said.contains("ulimit -n"), "{limit}: {said}");
        ensure!(said.trim_end().lines().count() == 1, "{limit}: {said}");
    }
    Ok(())
}
