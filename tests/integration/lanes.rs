//! Outputs side by side: what one of them does is the others' business only where it should be.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Ended, binary, counters, signal, wait_until},
    file,
    frames::{self, mirrored},
    need::Need,
    net::{Net, TARGET_DEV},
    peer::{self, lines},
    sender::Sender,
    written::Form,
};

crate::tests![
    a_slow_viewer_costs_a_recording_nothing [Need::Speed],
    a_viewer_that_goes_leaves_the_recording_alone [],
    lines_on_their_own_end_with_their_reader [],
    every_output_counts_to_the_same [],
    an_output_that_does_not_block_is_written_whole [],
    a_file_is_written_whole_beside_a_slow_viewer [],
];

fn numbered(number: u64) -> Vec<u8> {
    mirrored(7, &frames::udp((1, 53), &number.to_be_bytes()))
}

/// `vtap capture` in a directory of its own.
fn vtap(net: &Net, source: &[&str], args: &[&str]) -> Result<(tempfile::TempDir, Command)> {
    let dir = tempfile::tempdir()?;
    let mut command = net.target.command(&binary().display().to_string());
    command.arg("capture").args(source).args(args).args(["--stats-json", "stats.json"]);
    command.current_dir(dir.path()).stdin(Stdio::null());
    command.stderr(fs::File::create(dir.path().join("stderr"))?);
    Ok((dir, command))
}

fn ended(dir: tempfile::TempDir, mut child: std::process::Child) -> Result<Ended> {
    let mut status = None;
    wait_until("the end", || {
        status = child.try_wait()?;
        Ok(status.is_some())
    })?;
    let stderr = fs::read_to_string(dir.path().join("stderr"))?;
    let counters = counters(dir.path());
    let status = status.context("no status")?;
    Ok(Ended { status, stdout: String::new(), stderr, stats: counters, dir })
}

fn attached(net: &Net) -> Result<()> {
    wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))
}

/// The account of an output.
fn output(ended: &Ended, index: usize) -> (u64, u64) {
    let count = |name| ended.stats["outputs"][index][name].as_u64().unwrap_or(u64::MAX);
    (count("packets"), count("dropped"))
}

/// One line a second is read while far more packets come than a queue and a ring hold.
fn a_slow_viewer_costs_a_recording_nothing() -> Result<()> {
    const PACKETS: u64 = 400_000;
    let net = Net::new()?;
    let frames: Vec<_> = (0..PACKETS).map(numbered).collect();
    let args = ["-w", "x.pcapng", "--print", "--ring-size", "1M"];
    let (dir, mut command) = vtap(&net, &["-i", TARGET_DEV], &args)?;
    let (reader, stdout) = std::io::pipe()?;
    let child = command.stdout(stdout).spawn()?;
    drop(command);
    let reader = peer::read_slowly(reader, 70, Duration::from_secs(1));
    attached(&net)?;
    Sender::new(&net.tap)?.send_paced(100_000, &frames)?;
    signal(child.id(), Signal::SIGINT)?;
    let ended = ended(dir, child)?;
    ended.check()?;
    ensure!(ended.count("lost.total") == 0, "{}", ended.stats);
    ensure!(ended.count("written") == PACKETS && output(&ended, 0) == (PACKETS, 0));
    ensure!(file::read(&ended.file("x.pcapng"))?.len() as u64 == PACKETS);
    let shown = lines(&reader.finish()?);
    ensure!(output(&ended, 1) == (shown, PACKETS - shown), "{shown} shown: {}", ended.stats);
    ensure!(shown > 0 && shown < PACKETS / 2, "{shown} shown");
    ensure!(ended.stderr.contains("output stdout falls behind"), "{}", ended.stderr);
    Ok(())
}

fn a_viewer_that_goes_leaves_the_recording_alone() -> Result<()> {
    let net = Net::new()?;
    let (dir, mut command) = vtap(&net, &["-i", TARGET_DEV], &["-w", "x.pcapng", "--print"])?;
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    attached(&net)?;
    let sender = Sender::new(&net.tap)?;
    sender.send_all((0..10).map(numbered))?;
    let mut reader = BufReader::new(child.stdout.take().context("no pipe")?);
    for _ in 0..2 {
        reader.read_line(&mut String::new())?;
    }
    drop(reader);
    sender.send_all((10..3000).map(numbered))?;
    wait_until("the recording", || {
        Ok(fs::metadata(dir.path().join("x.pcapng"))?.len() > 3000 * 50)
    })?;
    ensure!(child.try_wait()?.is_none(), "the recording has ended");
    sender.send_all((3000..4000).map(numbered))?;
    signal(child.id(), Signal::SIGINT)?;
    let ended = ended(dir, child)?;
    ended.check()?;
    ensure!(ended.count("written") == 4000 && output(&ended, 0) == (4000, 0), "{}", ended.stats);
    ensure!(file::read(&ended.file("x.pcapng"))?.len() == 4000);
    let (shown, dropped) = output(&ended, 1);
    ensure!(shown >= 2 && dropped >= 1000 && shown + dropped == 4000, "{}", ended.stats);
    ensure!(ended.stderr.contains("4000 written"), "{}", ended.stderr);
    Ok(())
}

fn lines_on_their_own_end_with_their_reader() -> Result<()> {
    let net = Net::new()?;
    let (dir, mut command) = vtap(&net, &["-i", TARGET_DEV], &[])?;
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    attached(&net)?;
    let sender = Sender::new(&net.tap)?;
    sender.send(&numbered(0))?;
    let mut reader = BufReader::new(child.stdout.take().context("no pipe")?);
    reader.read_line(&mut String::new())?;
    drop(reader);
    wait_until("the end", || {
        sender.send(&numbered(1))?;
        Ok(child.try_wait()?.is_some())
    })?;
    let ended = ended(dir, child)?;
    ended.check()?;
    let (shown, dropped) = output(&ended, 0);
    ensure!(shown >= 1 && dropped >= 1, "{}", ended.stats);
    ensure!(shown + dropped == ended.count("delivered.packets"), "{}", ended.stats);
    ensure!(ended.count("written") == shown, "{}", ended.stats);
    Ok(())
}

fn every_output_counts_to_the_same() -> Result<()> {
    let net = Net::new()?;
    for (args, outputs, given) in [
        (&["--print", "-w", "x.pcap"][..], &["x.pcap", "stdout"][..], 100),
        (&["--print", "-w", "x.pcapng.zst", "-c", "30"], &["x.pcapng.zst", "stdout"], 30),
        (&["-w", "-"], &["-"], 100),
        (&[], &["stdout"], 100),
        (&["-c", "30"], &["stdout"], 30),
        (&["--no-print"], &[], 100),
    ] {
        let (dir, mut command) = vtap(&net, &["-i", TARGET_DEV], args)?;
        let stdout = fs::File::create(dir.path().join("stdout"))?;
        let child = command.stdout(stdout).spawn()?;
        attached(&net)?;
        Sender::new(&net.tap)?.send_all((0..100).map(numbered))?;
        if !args.contains(&"-c") {
            signal(child.id(), Signal::SIGINT)?;
        }
        let ended = ended(dir, child)?;
        ended.check()?;
        let accounts = ended.stats["outputs"].as_array().context("no outputs")?;
        let names: Vec<_> = accounts.iter().filter_map(|one| one["output"].as_str()).collect();
        ensure!(names == outputs, "{args:?}: {names:?}");
        for (index, account) in accounts.iter().enumerate() {
            ensure!(output(&ended, index) == (given, 0), "{args:?}: {account}");
            ensure!(account["error"].is_null(), "{args:?}: {account}");
        }
        ensure!(ended.count("written") == given.min(100), "{args:?}: {}", ended.stats);
    }
    Ok(())
}

/// Somebody else may have set the pipe so: a full one is waited for.
fn an_output_that_does_not_block_is_written_whole() -> Result<()> {
    let net = Net::new()?;
    let frames: Vec<_> = (0..5000).map(|number| (number, numbered(number))).collect();
    for args in [&[][..], &["-w", "-"]] {
        let (dir, mut command) = vtap(&net, &["-r", "read"], args)?;
        fs::write(dir.path().join("read"), Form::USUAL.file(&frames))?;
        let (reader, stdout) = std::io::pipe()?;
        peer::set_blocking(&stdout, false)?;
        let child = command.stdout(stdout).spawn()?;
        drop(command);
        let reader = peer::read_slowly(reader, 4096, Duration::from_millis(1));
        let ended = ended(dir, child)?;
        ended.check()?;
        let got = reader.finish()?;
        let packets =
            if args.is_empty() { lines(&got) } else { file::whole_packets(got)?.len() as u64 };
        ensure!(packets == 5000 && output(&ended, 0) == (5000, 0), "{packets}: {}", ended.stats);
    }
    Ok(())
}

/// A file is read as fast as it can be written, and no faster viewer is waited for.
fn a_file_is_written_whole_beside_a_slow_viewer() -> Result<()> {
    const PACKETS: u64 = 100_000;
    let net = Net::new()?;
    let frames: Vec<_> = (0..PACKETS).map(|number| (number, numbered(number))).collect();
    let (dir, mut command) = vtap(&net, &["-r", "read"], &["-w", "x.pcap", "--print"])?;
    fs::write(dir.path().join("read"), Form::USUAL.file(&frames))?;
    let (reader, stdout) = std::io::pipe()?;
    let child = command.stdout(stdout).spawn()?;
    drop(command);
    let len = || fs::metadata(dir.path().join("x.pcap")).map_or(0, |file| file.len());
    wait_until("the recording", || Ok(len() == 24 + PACKETS * (16 + 50)))?;
    // Nobody has read a line so far. Now somebody reads the rest.
    let reader = peer::read_slowly(reader, 1 << 20, Duration::ZERO);
    let ended = ended(dir, child)?;
    ended.check()?;
    ensure!(output(&ended, 0) == (PACKETS, 0), "{}", ended.stats);
    let shown = lines(&reader.finish()?);
    ensure!(output(&ended, 1) == (shown, PACKETS - shown), "{shown} shown: {}", ended.stats);
    Ok(())
}
