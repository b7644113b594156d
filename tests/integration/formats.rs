//! What the formats hold: many identifiers, comments, odd times, no packets at all.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use vtap_tests::{
    capture::{Capture, reread},
    frames::{self, mirrored},
    net::Net,
    sender::Sender,
    written::{Form, Format},
};

crate::tests![
    every_identifier_is_kept ["tshark"],
    comments_tell_the_tunnel ["tshark"],
    comments_want_a_pcapng_file [],
    times_before_1970_and_after_2554_are_kept ["tshark"],
    times_that_pcap_does_not_hold_are_refused [],
    a_file_without_packets_is_read ["tshark", "tcpdump"],
];

/// A field of each packet, as tshark sees them.
fn fields(path: &Path, names: &[&str]) -> Result<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-T", "fields", "-r"]).arg(path);
    let output = tshark.args(names.iter().flat_map(|name| ["-e", name])).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// The first 4,096 have interfaces of their own, and all others are in comments.
fn every_identifier_is_kept() -> Result<()> {
    const OWN: u32 = 4096;
    let vnis: Vec<u32> = (0..5000).map(|n| n * 3355).chain([0, 16_777_215, 3355]).collect();
    let inner = frames::icmp(1, &[]);
    let packets: Vec<_> = vnis.iter().map(|vni| (0, mirrored(*vni, &inner))).collect();
    let ended = reread(&Form::USUAL.file(&packets), &["-w", "x.pcapng"])?;
    ended.check()?;
    let seen = fields(
        &ended.file("x.pcapng"),
        &["frame.interface_description", "frame.comment", "frame.interface_id"],
    )?;
    ensure!(seen.len() == vnis.len());
    for (number, (vni, seen)) in vnis.iter().zip(&seen).enumerate() {
        let expected = if *vni < OWN * 3355 && vni % 3355 == 0 {
            format!("vni {vni}\t\t{}", vni / 3355)
        } else {
            format!("\tvni {vni}\t{OWN}")
        };
        ensure!(*seen == expected, "packet {number}: {seen}");
    }
    Ok(())
}

fn comments_tell_the_tunnel() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-w", "x.pcapng", "--annotate"])?;
    let inner = frames::icmp(1, &[1, 2, 3]);
    let v4 = frames::vxlan(7, &inner);
    let (one, other) = ([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0xfe; 16]);
    let sent = [
        frames::outer(([10, 0, 1, 2], [10, 0, 1, 3]), (50_001, 4789), &v4),
        frames::outer6((one, other), (50_002, 4789), &frames::vxlan(8, &inner)),
    ];
    Sender::new(&net.tap)?.send_all(&sent)?;
    let ended = capture.stop()?;
    ended.check()?;
    let v6 = "fd00::1.50002 > fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe";
    let tunnels = [(7, "10.0.1.2.50001 > 10.0.1.3"), (8, v6)];
    let line = |queue: &str| {
        tunnels.map(|(vni, outer)| format!("vni {vni}\tvni {vni} ({outer}){queue}\t45"))
    };
    let names = ["frame.interface_description", "frame.comment", "frame.len"];
    let seen = fields(&ended.file("x.pcapng"), &names)?;
    ensure!(seen == line(", queue 0"), "{seen:?}");
    // A file does not tell the queue.
    let file = Form::USUAL.file(&sent.map(|frame| (0, frame)));
    let ended = reread(&file, &["-w", "x.pcapng.zst", "--annotate"])?;
    ended.check()?;
    let seen = fields(&ended.file("x.pcapng.zst"), &names)?;
    ensure!(seen == line(""), "{seen:?}");
    Ok(())
}

fn comments_want_a_pcapng_file() -> Result<()> {
    for (args, word) in [
        (&["--annotate", "-w", "x.pcap"][..], ".pcapng"),
        (&["--annotate", "-w", "x.pcap.gz"], ".pcapng"),
        (&["--annotate"], "--write <FILE>"),
    ] {
        let ended = reread(&Form::USUAL.file(&[]), args)?;
        ensure!(ended.status.code() == Some(2) && ended.stderr.contains(word), "{}", ended.stderr);
        ensure!(!ended.file("x.pcap").exists() && !ended.file("x.pcap.gz").exists());
    }
    Ok(())
}

/// A pcapng file with one packet a section, each so many seconds from 1970.
fn at_times(seconds: &[i64]) -> Vec<u8> {
    let form = Form { format: Format::Pcapng, big_endian: false, resolution: 1_000_000_000 };
    let section = |seconds: &i64| {
        let options = [(9, vec![9]), (14, seconds.to_le_bytes().to_vec())];
        let packet = form.packet(123_456_789, &mirrored(7, &frames::icmp(1, &[])));
        [form.pcapng_head(1, &options), packet].concat()
    };
    seconds.iter().flat_map(section).collect()
}

fn times_before_1970_and_after_2554_are_kept() -> Result<()> {
    let times =
        [1_700_000_000, -1, 18_446_744_073, 18_446_744_074, 253_402_300_799, -62_135_596_800];
    let ended = reread(&at_times(&times), &["-w", "x.pcapng"])?;
    ended.check()?;
    let path = ended.file("x.pcapng");
    let file = std::fs::read(&path)?;
    // By the standard, not by a reader: the shift of the packet's interface, and its own time.
    let (mut shifts, mut kept) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < file.len() {
        let word = |at: usize| u32::from_ne_bytes(file[at..at + 4].try_into().unwrap_or_default());
        let (kind, len) = (word(at), word(at + 4) as usize);
        if kind == 1 {
            shifts.push(shift(&file[at + 16..at + len - 4]).context("no time offset")?);
        } else if kind == 6 {
            let ticks = u64::from(word(at + 12)) << 32 | u64::from(word(at + 16));
            let nanos = i128::from(shifts[word(at + 8) as usize]) * 1_000_000_000;
            kept.push(nanos + i128::from(ticks));
        }
        at += len;
    }
    let expected = times.map(|seconds| i128::from(seconds) * 1_000_000_000 + 123_456_789);
    ensure!(kept == expected, "{kept:?}");
    // Nothing changes for usual times.
    ensure!(shifts[0] == 0, "{shifts:?}");
    // tshark agrees wherever its own arithmetic reaches.
    let seen = fields(&path, &["frame.time_epoch"])?;
    ensure!(seen[0] == "1700000000.123456789" && seen[2] == "18446744073.123456789", "{seen:?}");
    ensure!(seen[4] == "253402300799.123456789", "{seen:?}");
    Ok(())
}

/// `if_tsoffset` of an interface's options.
fn shift(mut options: &[u8]) -> Option<i64> {
    let mut seconds = 0;
    while let Some((head, rest)) = options.split_at_checked(4) {
        let code = u16::from_ne_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_ne_bytes([head[2], head[3]]));
        if code == 14 {
            seconds = i64::from_ne_bytes(rest.get(..8)?.try_into().ok()?);
        }
        options = rest.get(len.next_multiple_of(4)..)?;
    }
    Some(seconds)
}

fn times_that_pcap_does_not_hold_are_refused() -> Result<()> {
    for (seconds, holds) in [(0, true), (u32::MAX.into(), true), (-1, false), (1 << 32, false)] {
        let ended = reread(&at_times(&[1, seconds, 2]), &["-w", "x.pcap"])?;
        let packets = vtap_tests::file::read(&ended.file("x.pcap"))?;
        if holds {
            ended.check()?;
            ensure!(
                packets.len() == 3 && packets[1].time / 1_000_000_000 == seconds.cast_unsigned()
            );
        } else {
            ensure!(ended.status.code() == Some(1), "{}: {}", ended.status, ended.stderr);
            ensure!(ended.stderr.contains(".pcapng"), "{}", ended.stderr);
            ensure!(packets.len() == 1 && ended.count("written") == 1, "{}", ended.stats);
        }
    }
    Ok(())
}

fn a_file_without_packets_is_read() -> Result<()> {
    let net = Net::new()?;
    for name in ["x.pcapng", "x.pcapng.zst", "x.pcapng.gz", "x.pcap"] {
        let ended = Capture::start(&net.target, &["-w", name])?.stop()?;
        ended.check()?;
        ensure!(fields(&ended.file(name), &["frame.number"])?.is_empty());
        if !name.ends_with("zst") && !name.ends_with("gz") {
            let tcpdump = Command::new("tcpdump").arg("-r").arg(ended.file(name)).output()?;
            let stderr = String::from_utf8_lossy(&tcpdump.stderr);
            ensure!(tcpdump.status.success() && stderr.contains("EN10MB"), "{name}: {stderr}");
        }
    }
    Ok(())
}
