//! The `vtap` binary at work.

use std::{
    env,
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use crate::{
    need::in_emulation,
    net::{Namespace, TARGET_DEV},
    written::Form,
};

/// The XDP programs that vtap has: for kernels with `bpf_xdp_load_bytes`, and for those without.
pub const PROGRAMS: [&str; 4] = ["vtap", "vtap_linear", "vtap_generic", "vtap_linear_gen"];
/// The one that tells where a poll ends.
pub const POLL: &str = "vtap_poll";

/// Longer than anything here takes.
fn patience() -> Duration {
    Duration::from_secs(if in_emulation() { 120 } else { 20 })
}

/// The binary under test: `VTAP_BIN`, or where `cargo xtask build` puts it.
#[must_use]
pub fn binary() -> PathBuf {
    env::var_os("VTAP_BIN").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/vtap"),
        PathBuf::from,
    )
}

/// A running capture.
pub struct Capture {
    child: Child,
    stderr: BufReader<ChildStderr>,
    announcement: String,
    dir: tempfile::TempDir,
}

/// What a capture left behind.
#[derive(Debug)]
pub struct Ended {
    /// How it exited.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error, from the start.
    pub stderr: String,
    /// `--stats-json`.
    pub stats: Value,
    /// The directory it ran in, with the files it wrote.
    pub dir: tempfile::TempDir,
}

impl Capture {
    /// Starts a capture in a directory of its own and waits until it is attached.
    pub fn start(target: &Namespace, args: &[&str]) -> Result<Self> {
        Self::start_at(target, TARGET_DEV, args)
    }

    /// The same at an interface of any name.
    pub fn start_at(namespace: &Namespace, dev: impl AsRef<OsStr>, args: &[&str]) -> Result<Self> {
        let mut command = namespace.command(&binary().display().to_string());
        command.args(["capture", "-i"]).arg(dev).args(args);
        Self::launch(command)
    }

    /// The same where the kernel's type information is not to be had, as in many containers: vtap
    /// then does not know how many datagrams a frame holds.
    pub fn start_without_btf(target: &Namespace, args: &[&str]) -> Result<Self> {
        let mut command = target.command("unshare");
        let script = "mount -t tmpfs none /sys/kernel/btf && exec \"$@\"";
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(binary());
        command.args(["capture", "-i", TARGET_DEV]).args(args);
        Self::launch(command)
    }

    /// The same by any command that becomes `vtap capture`.
    pub fn launch(mut command: Command) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut child = command
            .args(["--stats-json", "stats.json"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(dir.path().join("stdout"))?)
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().context("no stderr")?);
        let mut announcement = String::new();
        while !announcement.contains("capturing on") {
            if stderr.read_line(&mut announcement)? == 0 {
                bail!("vtap ended: {}: {announcement}", child.wait()?);
            }
        }
        Ok(Self { child, stderr, announcement, dir })
    }

    /// What it said of mode and verdict.
    #[must_use]
    pub fn announcement(&self) -> &str {
        &self.announcement
    }

    /// Waits until it has said a line with these words after the `seen` lines before; returns how
    /// many lines it has said then.
    pub fn wait_until_said(&mut self, words: &str, seen: usize) -> Result<usize> {
        let end = Instant::now() + patience();
        loop {
            let mut lines = self.announcement.lines().enumerate().skip(seen);
            if let Some((number, _)) = lines.find(|(_, line)| line.contains(words)) {
                return Ok(number + 1);
            }
            if self.stderr.buffer().is_empty() {
                let left = end.saturating_duration_since(Instant::now());
                let left = Timespec::try_from(left)?;
                let mut fds = [PollFd::new(self.stderr.get_ref(), PollFlags::IN)];
                let ready = poll(&mut fds, Some(&left))?;
                ensure!(ready > 0, "it does not say `{words}`: {}", self.announcement);
            }
            let read = self.stderr.read_line(&mut self.announcement)?;
            ensure!(read > 0, "it ended without `{words}`: {}", self.announcement);
        }
    }

    /// Lines that it has said, as far as they were read.
    #[must_use]
    pub fn lines_said(&self) -> usize {
        self.announcement.lines().count()
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has printed so far.
    pub fn printed(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(self.dir.path().join("stdout"))?).into_owned())
    }

    /// Sends it a signal. The process is `vtap` itself: `ip netns exec` replaces itself by it.
    pub fn signal(&self, to_send: Signal) -> Result<()> {
        signal(self.child.id(), to_send)
    }

    /// Stops it from running at all, until it is sent `SIGCONT`.
    pub fn suspend(&self) -> Result<()> {
        suspend(self.child.id())
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Interrupts it and collects what it left.
    pub fn stop(self) -> Result<Ended> {
        self.signal(Signal::SIGINT)?;
        self.wait()
    }

    /// Waits until it ends by itself.
    pub fn wait(mut self) -> Result<Ended> {
        let begin = Instant::now();
        let status = loop {
            if let Some(ended) = self.child.try_wait()? {
                break ended;
            }
            ensure!(begin.elapsed() < patience(), "vtap does not end");
            sleep(Duration::from_millis(5));
        };
        let mut stderr = std::mem::take(&mut self.announcement);
        self.stderr.read_to_string(&mut stderr)?;
        let counters = counters(self.dir.path());
        let stdout = self.printed()?;
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir()?);
        Ok(Ended { status, stdout, stderr, stats: counters, dir })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `vtap` with any arguments to its end.
pub fn run(target: &Namespace, args: &[&str]) -> Result<std::process::Output> {
    let mut command = target.command(&binary().display().to_string());
    Ok(command.args(args).stdin(Stdio::null()).output()?)
}

/// Rereads a capture file with these further arguments, in a directory of its own.
pub fn reread(file: &[u8], args: &[&str]) -> Result<Ended> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("read"), file)?;
    reread_in(dir, &["-r", "read"], args)
}

/// The same, where `source` names the file in a way of its own.
pub fn reread_in(dir: tempfile::TempDir, source: &[&str], args: &[&str]) -> Result<Ended> {
    let mut command = Command::new(binary());
    command.arg("capture").args(source).args(args).args(["--stats-json", "stats.json"]);
    command.current_dir(dir.path()).stdin(Stdio::null());
    if source.contains(&"-") {
        command.stdin(std::fs::File::open(dir.path().join("read"))?);
    }
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Ok(Ended { status: output.status, stdout, stderr, stats: counters(dir.path()), dir })
}

/// What `--stats-json` wrote, if it came to that.
#[must_use]
pub fn counters(dir: &Path) -> Value {
    let json = std::fs::read(dir.join("stats.json"));
    json.map_or(Value::Null, |json| serde_json::from_slice(&json).unwrap_or(Value::Null))
}

impl Ended {
    /// A counter by its path, such as `lost.total`.
    #[must_use]
    pub fn count(&self, path: &str) -> u64 {
        let pointer = format!("/{}", path.replace('.', "/"));
        let value = self.stats.pointer(&pointer).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no counter {path} in {}", self.stats))
    }

    /// Checks that it succeeded and that its accounts add up.
    pub fn check(&self) -> Result<()> {
        ensure!(self.status.success(), "{}: {}", self.status, self.stderr);
        self.check_accounts()
    }

    /// Checks that its accounts add up.
    pub fn check_accounts(&self) -> Result<()> {
        let count = |path: &str| self.count(path);
        let datagrams = count("received.packets") + count("coalesced");
        ensure!(datagrams == count("not_tunnel") + count("tunnel"), "datagrams: {}", self.stats);
        for (sum, parts) in [
            ("tunnel", &["malformed.total", "filtered", "matched.packets"][..]),
            ("matched.packets", &["delivered.packets", "lost.total"]),
        ] {
            let total: u64 = parts.iter().map(|part| count(part)).sum();
            ensure!(count(sum) == total, "{sum} is not {parts:?}: {}", self.stats);
        }
        for group in ["malformed", "damaged", "lost"] {
            let reasons = self.stats[group].as_object().context("no reasons")?;
            let parts = reasons.iter().filter(|(name, _)| *name != "total");
            let total: u64 = parts.filter_map(|(_, count)| count.as_u64()).sum();
            ensure!(count(&format!("{group}.total")) == total, "{group}: {}", self.stats);
        }
        for group in ["by_vni", "by_proto"] {
            let parts = self.stats[group].as_object().context("no counts")?;
            let total: u64 = parts.values().filter_map(Value::as_u64).sum();
            ensure!(count("delivered.packets") == total, "{group}: {}", self.stats);
        }
        Ok(())
    }

    /// Checks that `-r` of the same frames, with the same flags, counts the same.
    pub fn check_reread(
        &self,
        frames: impl IntoIterator<Item = Vec<u8>>,
        args: &[&str],
    ) -> Result<()> {
        let frames: Vec<_> = frames.into_iter().map(|frame| (0, frame)).collect();
        let offline = reread(&Form::USUAL.file(&frames), &[args, &["--no-print"]].concat())?;
        offline.check()?;
        for counter in Self::COMMON {
            let (live, read) = (&self.stats[counter], &offline.stats[counter]);
            ensure!(live == read, "{args:?}: {counter} is {live} live, {read} by -r");
        }
        Ok(())
    }

    /// The counters that a capture and `-r` of the same frames have in common.
    pub const COMMON: [&str; 10] = [
        "received",
        "not_tunnel",
        "tunnel",
        "malformed",
        "damaged",
        "filtered",
        "matched",
        "by_vni",
        "by_proto",
        "rules",
    ];

    /// A file it wrote.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// Sends a signal to a process.
pub fn signal(id: u32, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(i32::try_from(id)?), signal)?)
}

/// Waits until a process that was just started handles a signal; until then that would kill it.
pub fn wait_until_handled(id: u32, signal: Signal) -> Result<()> {
    wait_until("a signal's handler", || {
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.context("no signals")?.trim(), 16)?;
        Ok(caught >> (signal as u32 - 1) & 1 == 1)
    })
}

/// Nanoseconds since 1970.
pub fn time_of_day() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64)
}

/// Stops a process, and returns when none of its threads runs any more.
pub fn suspend(id: u32) -> Result<()> {
    signal(id, Signal::SIGSTOP)?;
    wait_until("a process to stop", || {
        for thread in std::fs::read_dir(format!("/proc/{id}/task"))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            // Its state comes behind its name, which may hold anything.
            if stat.rsplit_once(')').is_none_or(|(_, rest)| !rest.starts_with(" T")) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Waits until `done` holds.
pub fn wait_until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let begin = Instant::now();
    while !done()? {
        ensure!(begin.elapsed() < patience(), "waited in vain for {what}");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}
