//! The lab, as a newcomer uses it: the tutorial's ping, mirrored by the kernel's own VXLAN device.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use vtap_tests::{capture::wait_until, file};

crate::tests![
    five_pings_are_shown_and_written ["cargo", "ping", "tc", "tshark", "tcpdump"],
    interrupted_it_is_taken_down ["cargo", "ping", "tc"],
];

const HOSTS: [&str; 4] = ["vtap-client", "vtap-fabric", "vtap-server", "vtap-target"];

/// The task runner: `XTASK`, or where cargo puts it.
fn xtask() -> Command {
    let path = std::env::var_os("XTASK").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/xtask"),
        PathBuf::from,
    );
    Command::new(path)
}

fn exists() -> bool {
    HOSTS.iter().any(|host| Path::new("/run/netns").join(host).exists())
}

/// Takes the lab down and ends a process, whatever happens.
struct Lab(Option<Child>);

impl Lab {
    fn up() -> Result<Self> {
        ensure!(!exists(), "a lab is up already: `cargo xtask lab down`");
        ensure!(xtask().args(["lab", "up"]).status()?.success());
        Ok(Self(None))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = xtask().args(["lab", "down"]).status();
    }
}

/// What tcpdump sees arrive at the server is what the tap mirrors.
fn five_pings_are_shown_and_written() -> Result<()> {
    let mut lab = Lab::up()?;
    let dir = tempfile::tempdir()?;
    let (truth, written) = (dir.path().join("truth.pcap"), dir.path().join("ping.pcapng"));
    let tcpdump = xtask()
        .args(["lab", "exec", "server", "tcpdump", "-Z", "root", "-U", "-Q", "in", "-i", "ens3"])
        .arg("-w")
        .arg(&truth)
        .args(["--nano", "-c", "5", "icmp"])
        .stderr(Stdio::null())
        .spawn()?;
    let tcpdump = lab.0.insert(tcpdump);
    wait_until("tcpdump", || Ok(truth.exists() && std::fs::metadata(&truth)?.len() >= 24))?;

    let args = ["run", "--lab", "-c", "5", "--print", "-w"];
    let ran = xtask().args(args).arg(&written).stdin(Stdio::null()).output()?;
    let (stdout, stderr) =
        (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    ensure!(ran.status.success(), "{stderr}");
    let lines: Vec<_> = stdout.lines().collect();
    ensure!(lines.len() == 5, "{stdout}");
    for (seq, line) in (1..).zip(lines) {
        let (start, end) = ("vni 7 IP 10.0.0.5 > 10.0.1.2: ICMP echo request, id ", ", length 308");
        let right = line.get(16..).is_some_and(|line| line.starts_with(start));
        ensure!(right && line.ends_with(&format!(", seq {seq}{end}")), "{line}");
    }
    ensure!(stderr.contains("native XDP") && stderr.contains("0 lost"), "{stderr}");

    ensure!(tcpdump.wait()?.success(), "tcpdump saw no five pings");
    let data = |path| -> Result<Vec<_>> {
        Ok(file::read(path)?.into_iter().map(|packet| packet.data).collect())
    };
    ensure!(data(&truth)? == data(&written)?, "the inner frames are not those of the server");
    let fields = ["-T", "fields", "-e", "frame.len", "-e", "icmp.type", "-e", "icmp.seq"];
    let read = Command::new("tshark").arg("-r").arg(&written).args(fields).output()?;
    let read = String::from_utf8_lossy(&read.stdout).into_owned();
    ensure!(
        read == "342\t8\t1\n342\t8\t2\n342\t8\t3\n342\t8\t4\n342\t8\t5\n",
        "tshark reads {read}"
    );
    Ok(())
}

fn interrupted_it_is_taken_down() -> Result<()> {
    ensure!(!exists(), "a lab is up already: `cargo xtask lab down`");
    let mut run = xtask();
    run.args(["run", "--lab", "--no-print"]).stdin(Stdio::null());
    let mut lab = Lab(Some(run.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?));
    let run = lab.0.as_mut().context("not started")?;
    let attached = || -> Result<bool> {
        let show = ["netns", "exec", "vtap-target", "ip", "link", "show", "dev", "ens3"];
        let link = Command::new("ip").args(show).output()?;
        Ok(String::from_utf8_lossy(&link.stdout).contains("prog/xdp"))
    };
    wait_until("the capture", attached)?;
    let id = i32::try_from(run.id())?;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGINT)?;
    let mut status = None;
    wait_until("the end", || {
        status = run.try_wait()?;
        Ok(status.is_some())
    })?;
    if exists() {
        bail!("the lab is still there ({status:?})");
    }
    Ok(())
}
