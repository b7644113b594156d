//! `-r`: what the kernel would have made of the frames in a file.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{self, Capture, Ended, binary, counters, reread, reread_in, wait_until},
    file::{self, Packet},
    frames::{self, assortment, mirrored},
    need::in_emulation,
    net::{Net, TARGET_DEV},
    sender::Sender,
    written::{Form, Format},
};

crate::tests![
    every_form_of_file [],
    standard_input_and_compressed_files [],
    sections_and_blocks_of_other_kinds [],
    packets_in_obsolete_blocks [],
    times_in_other_units [],
    what_tcpdump_wrote ["tcpdump"],
    what_vtap_wrote [],
    count_and_snap_length [],
    a_file_that_is_cut_off [],
    what_is_no_capture_file [],
    the_file_that_is_read_is_not_written [],
    lines_come_as_packets_come [],
];

/// Nanoseconds at which the frames of the tests begin, a microsecond and a little apart.
const BEGIN: u64 = 1_700_000_000_123_456_789;
const APART: u64 = 1001;

/// An assortment of mirrored frames, with other traffic among them.
fn frames() -> Vec<(u64, Vec<u8>)> {
    let mirrored = assortment().into_iter().map(|inner| mirrored(7, &inner));
    let frames = mirrored.chain([frames::icmp(1, &[]), frames::arp()]);
    frames.enumerate().map(|(number, frame)| (BEGIN + APART * number as u64, frame)).collect()
}

/// Checks that a run found the inner packets of [`frames`], with the times that the form holds.
fn check(ended: &Ended, file: &Path, form: Form) -> Result<()> {
    ended.check()?;
    let (packets, inner) = (file::read(file)?, assortment());
    ensure!(packets.len() == inner.len(), "{}", ended.stats);
    for (number, (packet, inner)) in packets.iter().zip(&inner).enumerate() {
        ensure!(packet.data == *inner && packet.wirelen as usize == inner.len(), "{packet:02x?}");
        let time = form.kept(BEGIN + APART * number as u64);
        ensure!(packet.time == time, "time {} instead of {time}", packet.time);
    }
    ensure!(ended.count("not_tunnel") == 2 && ended.stats["xdp_mode"] == "none");
    Ok(())
}

fn every_form_of_file() -> Result<()> {
    for form in Form::all() {
        let ended = reread(&form.file(&frames()), &["-w", "x.pcapng"])?;
        check(&ended, &ended.file("x.pcapng"), form).with_context(|| format!("{form:?}"))?;
    }
    Ok(())
}

fn standard_input_and_compressed_files() -> Result<()> {
    for form in [Form::USUAL, Form { format: Format::Pcapng, ..Form::USUAL }] {
        let plain = form.file(&frames());
        let compressed = zstd::encode_all(&plain[..], 0)?;
        for file in [plain, compressed] {
            for source in ["read", "-"] {
                let dir = tempfile::tempdir()?;
                fs::write(dir.path().join("read"), &file)?;
                let ended = reread_in(dir, &["-r", source], &["-w", "x.pcapng"])?;
                check(&ended, &ended.file("x.pcapng"), form)
                    .with_context(|| format!("{form:?}"))?;
            }
        }
    }
    Ok(())
}

/// As tools that join captures leave them.
fn sections_and_blocks_of_other_kinds() -> Result<()> {
    let little = Form { format: Format::Pcapng, ..Form::USUAL };
    let big = Form { big_endian: true, ..little };
    let frames = frames();
    let (first, second) = frames.split_at(5);
    // A name resolution block, statistics of the interface, and a kind that nobody has assigned.
    let others = [4, 5, 0x7fff_0000].map(|kind| little.block(kind, &[0; 20])).concat();
    let file = [little.file(first), others, big.file(second)].concat();
    let ended = reread(&file, &["-w", "x.pcapng"])?;
    check(&ended, &ended.file("x.pcapng"), little)
}

/// As tools wrote them before pcapng had enhanced packet blocks.
fn packets_in_obsolete_blocks() -> Result<()> {
    for big_endian in [false, true] {
        let form = Form { format: Format::Pcapng, big_endian, resolution: 1_000_000_000 };
        let mut file = form.file(&[]);
        for (time, frame) in frames() {
            let len = form.u32(frame.len() as u32);
            let time = [form.u32((time >> 32) as u32), form.u32(time as u32)].concat();
            let ids = [form.u16(0), form.u16(9)].concat();
            file.extend(form.block(2, &[ids, time, len.clone(), len, frame].concat()));
        }
        let ended = reread(&file, &["-w", "x.pcapng"])?;
        check(&ended, &ended.file("x.pcapng"), form).with_context(|| format!("{form:?}"))?;
    }
    Ok(())
}

/// Powers of two and of ten, with seconds to add to what the packets say.
fn times_in_other_units() -> Result<()> {
    let units = [(0x80 + 30, 1 << 30), (0x80 + 7, 1 << 7), (3, 1000), (0, 1)];
    for ((unit, resolution), offset) in units.into_iter().zip([0, -1000, 1_000_000, 1]) {
        for big_endian in [false, true] {
            let form = Form { format: Format::Pcapng, big_endian, resolution };
            let add = if big_endian { i64::to_be_bytes } else { i64::to_le_bytes }(offset);
            let mut file = form.pcapng_head(1, &[(9, vec![unit]), (14, add.to_vec())]);
            for (time, frame) in frames() {
                file.extend(form.packet(time.strict_sub_signed(offset * 1_000_000_000), &frame));
            }
            let ended = reread(&file, &["-w", "x.pcapng"])?;
            check(&ended, &ended.file("x.pcapng"), form).with_context(|| format!("{form:?}"))?;
        }
    }
    Ok(())
}

/// The old way and the new, of the same frames.
fn what_tcpdump_wrote() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    let (file, log) = (dir.path().join("read"), dir.path().join("log"));
    let mut tcpdump = net.target.command("tcpdump");
    tcpdump.args(["-Z", "root", "-U", "--immediate-mode", "-i", TARGET_DEV, "-w"]).arg(&file);
    let mut tcpdump = tcpdump.stderr(fs::File::create(&log)?).spawn()?;
    wait_until("tcpdump", || Ok(fs::read_to_string(&log)?.contains("listening on")))?;
    let capture = Capture::start(&net.target, &["--verdict", "pass", "-w", "x.pcapng"])?;
    Sender::new(&net.tap)?.send_all(frames().iter().map(|(_, frame)| frame))?;
    let live = capture.stop()?;
    live.check()?;
    let id = tcpdump.id().to_string();
    ensure!(Command::new("kill").args(["-INT", &id]).status()?.success());
    tcpdump.wait()?;
    let offline = reread_in(dir, &["-r", "read"], &["-w", "x.pcapng"])?;
    offline.check()?;
    let data = |ended: &Ended| -> Result<Vec<_>> {
        let lengths = |packet: Packet| (packet.data, packet.wirelen, packet.description);
        Ok(file::read(&ended.file("x.pcapng"))?.into_iter().map(lengths).collect())
    };
    ensure!(data(&live)? == data(&offline)?, "{} live, {} by -r", live.stats, offline.stats);
    for counter in ["received", "not_tunnel", "tunnel", "matched", "by_vni", "by_proto"] {
        ensure!(live.stats[counter] == offline.stats[counter], "{counter}");
    }
    Ok(())
}

/// Of a tunnel in a tunnel, what was captured once is captured again.
fn what_vtap_wrote() -> Result<()> {
    let twice: Vec<_> =
        frames().into_iter().map(|(time, frame)| (time, mirrored(9, &frame))).collect();
    let outer = reread(&Form::USUAL.file(&twice), &["-w", "x.pcapng"])?;
    outer.check()?;
    ensure!(outer.count("by_vni.9") == twice.len() as u64, "{}", outer.stats);
    let file = fs::read(outer.file("x.pcapng"))?;
    let ended = reread(&file, &["-w", "x.pcapng"])?;
    check(&ended, &ended.file("x.pcapng"), Form::USUAL)?;
    // After that, there is no tunnel any more.
    let ended = reread(&fs::read(ended.file("x.pcapng"))?, &["--no-print"])?;
    ensure!(ended.stderr.contains("no mirrored packet"), "{}", ended.stderr);
    ended.check()
}

fn count_and_snap_length() -> Result<()> {
    let args = ["-c", "3", "-s", "50", "--print", "-w", "x.pcap"];
    let ended = reread(&Form::USUAL.file(&frames()), &args)?;
    ended.check()?;
    ensure!(ended.count("written") == 3 && ended.stdout.lines().count() == 3, "{}", ended.stats);
    for (packet, inner) in file::read(&ended.file("x.pcap"))?.iter().zip(assortment()) {
        ensure!(packet.data == inner[..50.min(inner.len())]);
        ensure!(packet.wirelen as usize == inner.len());
    }
    Ok(())
}

/// The packets before the cut are kept, and it is said what happened.
fn a_file_that_is_cut_off() -> Result<()> {
    let frames = frames();
    for form in Form::all() {
        let whole = form.file(&frames[..6]);
        let before = form.file(&frames[..5]).len();
        for len in [before + 1, before + 9, before + 40, whole.len() - 1] {
            let ended = reread(&whole[..len], &["-w", "x.pcapng"])?;
            ensure!(ended.status.code() == Some(1), "{form:?}, {len} bytes: {}", ended.stderr);
            for word in ["read", "the file ends within a"] {
                ensure!(ended.stderr.contains(word), "no `{word}` in {}", ended.stderr);
            }
            ended.check_accounts()?;
            ensure!(file::read(&ended.file("x.pcapng"))?.len() == 5, "{form:?}, {len} bytes");
        }
    }
    // Compressed, a cut is noticed at the end of a block of some 128 kB.
    let random = |number| mirrored(7, &frames::udp((1, 2), &frames::pattern(number, 1000)));
    let many: Vec<_> = (0..1000).map(|number| (BEGIN, random(number))).collect();
    let compressed = zstd::encode_all(&Form::USUAL.file(&many)[..], 0)?;
    let ended = reread(&compressed[..compressed.len() - 20], &["--no-print"])?;
    ensure!(ended.status.code() == Some(1), "{}", ended.stderr);
    ended.check_accounts()?;
    ensure!((800..1000).contains(&ended.count("delivered.packets")), "{}", ended.stats);
    Ok(())
}

fn what_is_no_capture_file() -> Result<()> {
    let bad_block = [
        Form { format: Format::Pcapng, ..Form::USUAL }.file(&frames()[..2]),
        [6, 0, 0, 0, 3, 0, 0, 0].repeat(8),
    ];
    for (file, words) in [
        (b"".to_vec(), &["read", "neither pcap nor pcapng"][..]),
        (b"#!/bin/sh\necho this is a script\n".to_vec(), &["read", "neither pcap nor pcapng"]),
        (bad_block.concat(), &["read", "says that it is 4 bytes long", "damaged"]),
        (b"\xfd7zXZ\0\0".to_vec(), &["read", "compressed by xz", "xz -dc"]),
        (b"BZh91AY&SY".to_vec(), &["read", "compressed by bzip2"]),
        (b"\x04\x22\x4d\x18more".to_vec(), &["read", "compressed by lz4"]),
        (zstd::encode_all(&b"nothing of the kind"[..], 0)?, &["neither pcap nor pcapng"]),
    ] {
        let ended = reread(&file, &["--no-print"])?;
        ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
        for word in words {
            ensure!(ended.stderr.contains(word), "no `{word}` in {}", ended.stderr);
        }
    }
    let ended = reread_in(tempfile::tempdir()?, &["-r", "absent"], &[])?;
    ensure!(ended.status.code() == Some(1) && ended.stderr.contains("absent: No such file"));
    // A name that would colour the terminal.
    let ended = reread_in(tempfile::tempdir()?, &["-r", "\x1b[31mred"], &[])?;
    ensure!(ended.stderr.contains("\\u{1b}[31mred: No such file"), "{}", ended.stderr);
    Ok(())
}

/// By whatever names.
fn the_file_that_is_read_is_not_written() -> Result<()> {
    let file = Form::USUAL.file(&frames());
    for source in ["read", "-"] {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("read");
        fs::write(&path, &file)?;
        fs::hard_link(&path, dir.path().join("other.pcap"))?;
        let ended = reread_in(dir, &["-r", source], &["-w", "other.pcap"])?;
        ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
        ensure!(ended.stderr.contains("-w other.pcap lead to the same file"), "{}", ended.stderr);
        ensure!(fs::read(ended.file("read"))? == file, "it is not what it was");
    }
    Ok(())
}

/// Through a pipe that stays open, until a signal: first packets that come together with the
/// header and in pieces, then one alone.
fn lines_come_as_packets_come() -> Result<()> {
    let packet = |number| vec![(BEGIN, mirrored(7, &frames::icmp(number, &[])))];
    for form in [Form::USUAL, Form { format: Format::Pcapng, ..Form::USUAL }] {
        let head = form.file(&[]).len();
        for compressed in [false, true] {
            let pack = |bytes: &[u8]| {
                if compressed { zstd::encode_all(bytes, 0) } else { Ok(bytes.to_vec()) }
            };
            for signal in [Signal::SIGINT, Signal::SIGTERM] {
                let mut reading = Reading::start()?;
                let first = pack(&form.file(&packet(0)))?;
                let (begin, end) = first.split_at(first.len() / 3);
                reading.feed(begin)?;
                reading.feed(end)?;
                reading.wait_for_lines(1)?;
                reading.feed(&pack(&form.file(&packet(1))[head..])?)?;
                reading.wait_for_lines(2)?;
                let ended = reading.stop(signal)?;
                ended.check().with_context(|| format!("{form:?}, {signal}"))?;
                ensure!(ended.count("written") == 2, "{}", ended.stats);
                ensure!(ended.stderr.contains("2 packets delivered"), "{}", ended.stderr);
            }
        }
    }
    // There may be nothing at all.
    let ended = Reading::start()?.stop(Signal::SIGINT)?;
    ended.check()?;
    ensure!(ended.count("received.packets") == 0);
    Ok(())
}

/// `-r -` of a pipe.
struct Reading {
    child: Child,
    dir: tempfile::TempDir,
}

impl Reading {
    fn start() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let create = |name| fs::File::create(dir.path().join(name));
        let mut child = Command::new(binary());
        child.args(["capture", "-r", "-", "--stats-json", "stats.json"]).current_dir(dir.path());
        child.stdin(Stdio::piped()).stdout(create("stdout")?).stderr(create("stderr")?);
        let child = child.spawn()?;
        Ok(Self { child, dir })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("no standard input")?;
        stdin.write_all(bytes)?;
        // So that it is read before more is there.
        sleep(Duration::from_millis(50));
        Ok(())
    }

    fn text(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.dir.path().join(name))?)
    }

    fn wait_for_lines(&self, count: usize) -> Result<()> {
        let begin = Instant::now();
        wait_until("a line", || Ok(self.text("stdout")?.lines().count() == count))?;
        let at_once = begin.elapsed() < Duration::from_secs(1) || in_emulation();
        ensure!(at_once, "took {:?}", begin.elapsed());
        Ok(())
    }

    /// The pipe is open until it has ended.
    fn stop(mut self, signal: Signal) -> Result<Ended> {
        capture::wait_until_handled(self.child.id(), signal)?;
        capture::signal(self.child.id(), signal)?;
        let mut status = None;
        wait_until("the end", || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        })?;
        Ok(Ended {
            status: status.context("no status")?,
            stdout: self.text("stdout")?,
            stderr: self.text("stderr")?,
            stats: counters(self.dir.path()),
            dir: std::mem::replace(&mut self.dir, tempfile::tempdir()?),
        })
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
