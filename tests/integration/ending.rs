//! How long a capture takes to end, whatever its outputs do.

use std::{
    fs,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;
use vtap_tests::{
    capture::{binary, counters, signal, suspend, wait_until},
    file,
    frames::{self, mirrored},
    need::{Need, in_emulation},
    net::{Net, TARGET_DEV},
    peer::{self, lines},
    sender::Sender,
    written::Form,
};

crate::tests![
    at_once_where_all_is_taken [Need::Speed],
    in_time_though_an_output_is_stuck [],
    in_time_though_standard_error_is_stuck [],
    in_time_though_the_counters_are_stuck [],
    in_time_after_a_count [],
    in_time_before_a_slow_reader [],
    at_once_after_a_second_signal [],
    two_hangups_are_one [],
    nothing_is_attached_where_descriptors_are_few [],
    nothing_is_attached_where_threads_are_few [Need::PidsController],
];

/// The contract's bounds.
const TAKEN: Duration = Duration::from_secs(1);
const STUCK: Duration = Duration::from_secs(6);

const PACKETS: u64 = 5000;

/// A capture whose outputs lead where a test wants.
struct Running {
    dir: tempfile::TempDir,
    child: Child,
}

impl Running {
    fn start(
        net: &Net,
        source: &[&str],
        args: &[&str],
        stdout: impl Into<Stdio>,
        stderr: Option<Stdio>,
    ) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("read"), Form::USUAL.file(&numbered()))?;
        let mut command = net.target.command(&binary().display().to_string());
        command.arg("capture").args(source).args(args).current_dir(dir.path());
        let own = fs::File::create(dir.path().join("stderr"))?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr.unwrap_or(own.into()));
        Ok(Self { child: command.spawn()?, dir })
    }

    fn live(
        net: &Net,
        args: &[&str],
        stdout: impl Into<Stdio>,
        stderr: Option<Stdio>,
    ) -> Result<Self> {
        let running = Self::start(net, &["-i", TARGET_DEV], args, stdout, stderr)?;
        wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
        // From then on it handles signals, but it takes packets a moment later.
        Ok(running)
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn stderr(&self) -> Result<String> {
        Ok(fs::read_to_string(self.path().join("stderr"))?)
    }

    fn signal(&self, number: Signal) -> Result<()> {
        signal(self.child.id(), number)
    }

    /// Waits for the end, and says how long that took.
    fn end(&mut self) -> Result<(ExitStatus, Duration)> {
        let begin = Instant::now();
        let mut exit = None;
        wait_until("the end", || {
            exit = self.child.try_wait()?;
            Ok(exit.is_some())
        })?;
        Ok((exit.context("no exit")?, begin.elapsed()))
    }

    fn end_within(&mut self, most: Duration) -> Result<ExitStatus> {
        let (exit, took) = self.end()?;
        // A machine that is emulated is slow in everything.
        ensure!(took < most || in_emulation(), "it took {took:?}: {}", self.stderr()?);
        Ok(exit)
    }

    fn counters(&self) -> Value {
        counters(self.path())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn numbered() -> Vec<(u64, Vec<u8>)> {
    let packet = |number: u64| mirrored(7, &frames::icmp(number as u16, &[0; 500]));
    (0..PACKETS).map(|number| (number, packet(number))).collect()
}

fn send(net: &Net) -> Result<()> {
    Sender::new(&net.tap)?.send_all(numbered().into_iter().map(|(_, frame)| frame))
}

/// Checks the account of one output against the packets that its reader got.
fn check_output(stats: &Value, index: usize, given: u64, got: u64) -> Result<()> {
    let output = &stats["outputs"][index];
    ensure!(output["packets"] == got, "{got} packets were got: {stats}");
    ensure!(output["dropped"] == given - got, "{given} packets were given: {stats}");
    Ok(())
}

fn at_once_where_all_is_taken() -> Result<()> {
    let net = Net::new()?;
    for args in [&["-w", "x.pcapng", "--print"][..], &[], &["-w", "x.pcap.zst"], &["--no-print"]] {
        for number in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let stats = ["--stats-json", "stats.json"];
            let null = Stdio::null();
            let mut running = Running::live(&net, &[args, &stats].concat(), null, None)?;
            send(&net)?;
            running.signal(number)?;
            let exit = running.end_within(TAKEN)?;
            ensure!(exit.success(), "{args:?}: {exit}: {}", running.stderr()?);
            let stats = running.counters();
            ensure!(stats["written"] == PACKETS, "{args:?}: {stats}");
        }
    }
    Ok(())
}

/// Each kind in turn; what was taken until then is told exactly.
fn in_time_though_an_output_is_stuck() -> Result<()> {
    let net = Net::new()?;
    let stats = ["--stats-json", "stats.json"];
    for (kind, args) in [
        ("pipe", &[][..]),
        ("pipe", &["-w", "-"]),
        ("terminal", &[]),
        ("socket", &[]),
        ("named pipe", &["-w", "fifo"]),
        ("pipe beside a recording", &["-w", "x.pcapng", "--print"]),
    ] {
        let place = tempfile::tempdir()?;
        let fifo = peer::named_pipe(&place.path().join("fifo"), false)?;
        let (reader, stdout): (OwnedFd, OwnedFd) = match kind {
            "terminal" => {
                let (near, far) = peer::terminal()?;
                (near, far.into())
            }
            "socket" => {
                let (near, far) = UnixStream::pair()?;
                (near.into(), far.into())
            }
            "named pipe" => (fifo.into(), fs::File::create(place.path().join("stdout"))?.into()),
            _ => {
                let (reader, writer) = std::io::pipe()?;
                (reader.into(), writer.into())
            }
        };
        let fifo = place.path().join("fifo").display().to_string();
        let args: Vec<_> =
            args.iter().map(|arg| if *arg == "fifo" { &fifo } else { *arg }).collect();
        let mut running = Running::live(&net, &[&args, &stats[..]].concat(), stdout, None)?;
        send(&net)?;
        running.signal(Signal::SIGINT)?;
        let exit = running.end_within(STUCK)?;
        let (stderr, stats) = (running.stderr()?, running.counters());
        let told = format!("{kind} {args:?}: {exit}: {stats}: {stderr}");
        ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{told}");
        ensure!(stderr.contains("did not take what was left"), "{told}");
        ensure!(stats["delivered"]["packets"] == PACKETS, "{told}");
        let got = peer::left(reader)?;
        let beside = kind.contains("recording");
        if args.contains(&"-w") && !beside {
            let got = file::whole_packets(got)?.len() as u64;
            check_output(&stats, 0, PACKETS, got).context(told.clone())?;
        } else {
            check_output(&stats, usize::from(beside), PACKETS, lines(&got))
                .context(told.clone())?;
        }
        // A viewer that falls behind is no failure of the recording.
        ensure!(exit.code() == Some(i32::from(!beside)), "{told}");
        if beside {
            check_output(&stats, 0, PACKETS, PACKETS)?;
            let packets = file::read(&running.path().join("x.pcapng"))?.len() as u64;
            ensure!(packets == PACKETS && stats["written"] == PACKETS, "{told}");
        }
    }
    Ok(())
}

/// It has said nothing that anybody could read, and has done everything else.
fn in_time_though_standard_error_is_stuck() -> Result<()> {
    let net = Net::new()?;
    let args = ["-w", "x.pcapng", "--stats-json", "stats.json"];
    for source in [["-i", TARGET_DEV], ["-r", "read"]] {
        let (reader, stderr) = peer::full_pipe()?;
        let stderr = Some(stderr.into());
        let mut running = if source[0] == "-i" {
            Running::live(&net, &args, Stdio::null(), stderr)?
        } else {
            Running::start(&net, &source, &args, Stdio::null(), stderr)?
        };
        if source[0] == "-i" {
            send(&net)?;
            running.signal(Signal::SIGTERM)?;
        }
        let exit = running.end_within(STUCK)?;
        ensure!(exit.success(), "{exit}");
        ensure!(running.counters()["written"] == PACKETS);
        ensure!(file::read(&running.path().join("x.pcapng"))?.len() as u64 == PACKETS);
        ensure!(peer::left(reader)?.iter().all(|byte| *byte == b'#'));
    }
    Ok(())
}

fn in_time_though_the_counters_are_stuck() -> Result<()> {
    let net = Net::new()?;
    let place = tempfile::tempdir()?;
    let path = place.path().join("fifo");
    let _fifo = peer::named_pipe(&path, true)?;
    let args = ["-w", "x.pcapng", "--stats-json", &path.display().to_string()];
    let mut running = Running::live(&net, &args, Stdio::null(), None)?;
    send(&net)?;
    running.signal(Signal::SIGINT)?;
    let exit = running.end_within(STUCK)?;
    let stderr = running.stderr()?;
    ensure!(exit.code() == Some(1), "{exit}: {stderr}");
    ensure!(stderr.contains("the counters: cannot write"), "{stderr}");
    ensure!(stderr.contains("5000 packets delivered"), "{stderr}");
    ensure!(file::read(&running.path().join("x.pcapng"))?.len() as u64 == PACKETS);
    Ok(())
}

fn in_time_after_a_count() -> Result<()> {
    let net = Net::new()?;
    let count = PACKETS - 1000;
    let args = ["-c", &count.to_string(), "--stats-json", "stats.json"];
    for source in [["-i", TARGET_DEV], ["-r", "read"]] {
        let (reader, stdout) = std::io::pipe()?;
        let mut running = if source[0] == "-i" {
            let running = Running::live(&net, &args, stdout, None)?;
            // All are there when it looks again, and so in few batches, of which some wait at most.
            suspend(running.child.id())?;
            send(&net)?;
            running.signal(Signal::SIGCONT)?;
            running
        } else {
            Running::start(&net, &source, &args, stdout, None)?
        };
        let exit = running.end_within(STUCK)?;
        let (stderr, stats) = (running.stderr()?, running.counters());
        ensure!(exit.code() == Some(1), "{exit}: {stderr}");
        check_output(&stats, 0, count, lines(&peer::left(reader)?))?;
    }
    Ok(())
}

/// It takes something all the time, and not enough.
fn in_time_before_a_slow_reader() -> Result<()> {
    let net = Net::new()?;
    let (reader, stdout) = std::io::pipe()?;
    let reader = peer::read_slowly(reader, 100, Duration::from_millis(100));
    let args = ["--stats-json", "stats.json"];
    let mut running = Running::live(&net, &args, stdout, None)?;
    send(&net)?;
    sleep(Duration::from_millis(500));
    running.signal(Signal::SIGINT)?;
    let exit = running.end_within(STUCK)?;
    let (stderr, stats) = (running.stderr()?, running.counters());
    ensure!(exit.code() == Some(1), "{exit}: {stderr}");
    check_output(&stats, 0, PACKETS, lines(&reader.finish()?))
}

fn at_once_after_a_second_signal() -> Result<()> {
    let net = Net::new()?;
    let (_reader, stdout) = std::io::pipe()?;
    let mut running = Running::live(&net, &[], stdout, None)?;
    send(&net)?;
    running.signal(Signal::SIGINT)?;
    sleep(Duration::from_millis(500));
    ensure!(running.child.try_wait()?.is_none(), "it does not wait: {}", running.stderr()?);
    running.signal(Signal::SIGTERM)?;
    let exit = running.end_within(TAKEN)?;
    ensure!(exit.code() == Some(1), "{exit}");
    wait_until("detachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_none()))
}

/// The shell sends one and the kernel another when a terminal is closed.
fn two_hangups_are_one() -> Result<()> {
    let net = Net::new()?;
    let (_reader, stdout) = std::io::pipe()?;
    let args = ["--stats-json", "stats.json"];
    let mut running = Running::live(&net, &args, stdout, None)?;
    send(&net)?;
    running.signal(Signal::SIGHUP)?;
    sleep(Duration::from_millis(200));
    running.signal(Signal::SIGHUP)?;
    running.end_within(STUCK)?;
    ensure!(running.counters()["delivered"]["packets"] == PACKETS, "{}", running.stderr()?);
    Ok(())
}

/// Whatever is missing: it is named, and nothing was begun.
fn nothing_is_attached_where_descriptors_are_few() -> Result<()> {
    let net = Net::new()?;
    let mut captured = false;
    for most in (8..64).step_by(if in_emulation() { 5 } else { 1 }) {
        captured |= starts_or_says_why(&net, &format!("ulimit -n {most}"), most)?;
        if captured {
            return Ok(());
        }
    }
    anyhow::bail!("it never starts")
}

fn nothing_is_attached_where_threads_are_few() -> Result<()> {
    let net = Net::new()?;
    let group = Path::new("/sys/fs/cgroup/pids").join(format!("vtap-test-{}", std::process::id()));
    fs::create_dir(&group)?;
    let enter = format!("echo $$ >{}/cgroup.procs", group.display());
    let mut captured = false;
    let mut result = Ok(());
    for most in 1..12 {
        fs::write(group.join("pids.max"), most.to_string())?;
        match starts_or_says_why(&net, &enter, most) {
            Ok(started) => captured |= started,
            Err(error) => result = Err(error),
        }
        if captured || result.is_err() {
            break;
        }
    }
    fs::remove_dir(&group)?;
    result?;
    ensure!(captured, "it never starts");
    Ok(())
}

/// Starts a capture in a shell that has done something before. True if it captures.
fn starts_or_says_why(net: &Net, before: &str, most: u32) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    let vtap = binary().display().to_string();
    // In the namespace, control groups are not to be seen.
    let vtap = format!("ip netns exec {} {vtap} capture -i {TARGET_DEV}", net.target.name);
    let script = format!("{before} && exec {vtap} -w x.pcapng --print");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(dir.path()).stdin(Stdio::null());
    shell.stdout(Stdio::null()).stderr(fs::File::create(dir.path().join("stderr"))?);
    let mut running = Running { child: shell.spawn()?, dir };
    let mut ended = None;
    let mut attached = false;
    wait_until("a beginning or an end", || {
        ended = running.child.try_wait()?;
        attached = ended.is_none() && running.stderr()?.contains("capturing on");
        Ok(ended.is_some() || attached)
    })?;
    if attached {
        running.signal(Signal::SIGINT)?;
        ensure!(running.end()?.0.success(), "{most}: {}", running.stderr()?);
        return Ok(true);
    }
    let (exit, stderr) = (ended.context("no exit")?, running.stderr()?);
    ensure!(exit.code() == Some(1), "{most}: {exit}: {stderr}");
    // It says what it could not do, and not only why.
    let last = stderr.lines().last().unwrap_or_default();
    ensure!(last.starts_with("vtap: cannot "), "{most}: {stderr}");
    ensure!(!stderr.contains("capturing") && !stderr.contains("panicked"), "{most}: {stderr}");
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{most}: {stderr}");
    ensure!(!running.path().join("x.pcapng").metadata().is_ok_and(|file| file.len() > 0), "{most}");
    Ok(false)
}
