//! Nothing is left behind, whatever way a capture ends.

use std::{collections::HashSet, process::Stdio};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{self, Capture, POLL, PROGRAMS, signal, wait_until},
    frames::{self, mirrored},
    need::in_emulation,
    net::{Net, TARGET_DEV},
    sender::Sender,
};

/// How the names of vtap's maps begin.
const MAPS: [&str; 4] = ["VTAP_", "AYA_LOGS", ".rodata", "vtap_ring_"];

crate::tests![
    signals_detach [],
    nohup_is_respected ["nohup"],
    a_killed_capture_leaves_nothing [],
    a_closed_pipe_ends_the_capture [],
    bpftool_shows_names ["bpftool"],
    start_and_stop_often ["bpftool"],
    timeout_ends_it_in_good_order ["timeout"],
];

fn signals_detach() -> Result<()> {
    let net = Net::new()?;
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let capture = Capture::start(&net.target, &[])?;
        ensure!(net.target.xdp_program(TARGET_DEV)?.is_some());
        capture.signal(signal)?;
        let ended = capture.wait()?;
        ended.check()?;
        ensure!(ended.stderr.contains("packets delivered"), "{}", ended.stderr);
        ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{signal}");
    }
    Ok(())
}

/// So that it may go on when its terminal is closed.
fn nohup_is_respected() -> Result<()> {
    let net = Net::new()?;
    let mut command = net.target.command("nohup");
    command.arg(capture::binary()).args(["capture", "-i", TARGET_DEV, "--no-print"]);
    let mut vtap = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
    signal(vtap.id(), Signal::SIGHUP)?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    ensure!(vtap.try_wait()?.is_none(), "it ends");
    signal(vtap.id(), Signal::SIGINT)?;
    ensure!(vtap.wait()?.success());
    Ok(())
}

fn a_killed_capture_leaves_nothing() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &[])?;
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_some());
    capture.signal(Signal::SIGKILL)?;
    let ended = capture.wait()?;
    let files = std::fs::read_dir(ended.dir.path())?.map(|file| Ok(file?.file_name()));
    let files = files.collect::<Result<Vec<_>>>()?;
    ensure!(files == ["stdout"], "{files:?}");
    wait_until("the kernel to detach", || Ok(net.target.xdp_program(TARGET_DEV)?.is_none()))
}

fn a_closed_pipe_ends_the_capture() -> Result<()> {
    let net = Net::new()?;
    let script = format!("{} capture -i ens3 | head -n 2", capture::binary().display());
    let mut shell = net.target.command("sh");
    let shell = shell.args(["-c", &script]).stdout(std::process::Stdio::piped());
    let mut shell = shell.stderr(std::process::Stdio::null()).spawn()?;
    wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
    let sender = Sender::new(&net.tap)?;
    wait_until("the end", || {
        sender.send(&mirrored(7, &frames::icmp(1, &[])))?;
        Ok(shell.try_wait()?.is_some())
    })?;
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none());
    Ok(())
}

fn bpftool_shows_names() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &[])?;
    let id = net.target.xdp_program(TARGET_DEV)?.unwrap_or_default();
    let program = net.target.output(&format!("bpftool -j prog show id {id}"))?;
    let program: serde_json::Value = serde_json::from_str(&program)?;
    ensure!(PROGRAMS.iter().any(|name| program["name"] == *name), "{program}");
    let maps = net.target.output("bpftool -j map show")?;
    let maps: Vec<serde_json::Value> = serde_json::from_str(&maps)?;
    for name in ["VTAP_STATE", "VTAP_RINGS", ".rodata.vtap", "vtap_ring_0"] {
        ensure!(maps.iter().any(|map| map["name"] == name), "no map {name}");
    }
    capture.stop()?.check()
}

/// Nothing of a thousand captures stays behind in the kernel.
fn start_and_stop_often() -> Result<()> {
    let net = Net::new()?;
    // Programs and maps of vtap's names; a link that stays would keep its program.
    let objects = || -> Result<HashSet<(&str, u64)>> {
        let mut objects = HashSet::new();
        for kind in ["prog", "map"] {
            let all = net.target.output(&format!("bpftool -j {kind} show"))?;
            let all: Vec<serde_json::Value> = serde_json::from_str(&all)?;
            let own = all.iter().filter(|object| {
                let name = object["name"].as_str().unwrap_or_default();
                PROGRAMS.contains(&name)
                    || name == POLL
                    || MAPS.iter().any(|map| name.starts_with(map))
            });
            objects.extend(own.filter_map(|object| Some((kind, object["id"].as_u64()?))));
        }
        Ok(objects)
    };
    // Another vtap may be at work on this machine.
    let others = objects()?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    let own = || Ok::<_, anyhow::Error>(&objects()? - &others);
    ensure!(own()?.iter().any(|(kind, _)| *kind == "map"), "vtap has no map");
    wait_until("both programs", || {
        Ok(own()?.iter().filter(|(kind, _)| *kind == "prog").count() == 2)
    })?;
    capture.stop()?.check()?;
    let before = objects()?;
    let times = if in_emulation() { 20 } else { 1000 };
    for _ in 0..times {
        Capture::start(&net.target, &["--no-print", "--ring-size", "64K"])?.stop()?.check()?;
    }
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none());
    // The kernel frees maps a little later than the process ends.
    wait_until("the kernel to free everything", || Ok(objects()?.is_subset(&before)))
}

/// It sends its signal twice: to vtap, and to the process group.
fn timeout_ends_it_in_good_order() -> Result<()> {
    let net = Net::new()?;
    // Longer than a start takes.
    let seconds = if in_emulation() { "10" } else { "1" };
    for signal in ["INT", "TERM"] {
        let mut command = net.target.command("timeout");
        command.args(["-s", signal, "--preserve-status", seconds]).arg(capture::binary());
        command.args(["capture", "-i", TARGET_DEV, "--no-print"]);
        let ended = Capture::launch(command)?.wait()?;
        ended.check()?;
        ensure!(ended.stderr.contains("0 packets delivered"), "{}", ended.stderr);
    }
    Ok(())
}
