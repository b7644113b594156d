//! Nothing is left behind, whatever way a capture ends.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{self, Capture, PROGRAMS, wait_until},
    frames::{self, mirrored},
    need::in_emulation,
    net::{Net, TARGET_DEV},
    sender::Sender,
};

crate::tests![
    signals_detach [],
    a_killed_capture_leaves_nothing [],
    a_closed_pipe_ends_the_capture [],
    bpftool_shows_names ["bpftool"],
    start_and_stop_often ["bpftool"],
];

fn signals_detach() -> Result<()> {
    let net = Net::new()?;
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
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

fn a_killed_capture_leaves_nothing() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &[])?;
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_some());
    capture.signal(Signal::SIGKILL)?;
    capture.wait()?;
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
    let objects = || -> Result<Vec<usize>> {
        let count = |kind| -> Result<usize> {
            let all = net.target.output(&format!("bpftool -j {kind} show"))?;
            let all: Vec<serde_json::Value> = serde_json::from_str(&all)?;
            Ok(all.len())
        };
        ["prog", "map", "link"].into_iter().map(count).collect()
    };
    let before = objects()?;
    let times = if in_emulation() { 20 } else { 1000 };
    for _ in 0..times {
        Capture::start(&net.target, &["--no-print", "--ring-size", "64K"])?.stop()?.check()?;
    }
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none());
    // The kernel frees maps a little later than the process ends.
    wait_until("the kernel to free everything", || Ok(objects()? == before))
}
