//! Captures that others made: the kernel path, `-r` and tshark see the same inner packets.
//!
//! The frames of a file are replayed as they are, and then once more as what a tap mirrors.
//! `VTAP_CORPUS` names the folder.

mod tshark;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::Value;
use vtap_tests::{
    capture::{Capture, Ended, reread},
    file::{self, Packet},
    frames::mirrored,
    need::Need,
    net::Net,
    sender::Sender,
    written::Form,
};

use self::tshark::Found;

/// Ports at which the captures have tunnels: VXLAN, VXLAN-GPE, and Linux's old one.
const PORTS: [&str; 6] = ["--port", "4789", "--port", "4790", "--port", "8472"];

/// A test for each capture file of the folder.
pub fn all() -> Vec<crate::Test> {
    let Some(folder) = env::var_os("VTAP_CORPUS").map(PathBuf::from) else {
        let name = "corpus".to_owned();
        let needs = vec![Need::Variable("VTAP_CORPUS")];
        return vec![crate::Test { name, needs, run: Box::new(|| Ok(())) }];
    };
    let mut files = Vec::new();
    let collected = collect(&folder, &mut files);
    if files.is_empty() || collected.is_err() {
        let none = move || {
            collected.as_ref().map_err(|error| anyhow!("{error:#}"))?;
            bail!("there are no capture files (.pcap, .pcapng, .cap) in {}", folder.display())
        };
        return vec![crate::Test { name: "corpus".into(), needs: vec![], run: Box::new(none) }];
    }
    files.sort();
    let test = |path: PathBuf| crate::Test {
        name: format!("corpus::{}", path.strip_prefix(&folder).unwrap_or(&path).display()),
        needs: vec![Need::Program("tshark")],
        run: Box::new(move || check(&path)),
    };
    files.into_iter().map(test).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|end| ["pcap", "pcapng", "cap"].iter().any(|e| end == *e))
        {
            files.push(path);
        } else {
            eprintln!("not replayed: {} is not named like a capture file", path.display());
        }
    }
    Ok(())
}

fn check(path: &Path) -> Result<()> {
    let net = Net::with_mtu(65_535)?;
    let frames: Vec<_> = file::read(path)?.into_iter().map(|frame| frame.data).collect();
    let layers = tshark::dissect(path)?;
    ensure!(layers.len() == frames.len(), "tshark reads {} of {}", layers.len(), frames.len());

    let (packets, stats) = by_kernel_and_file(&net, &fs::read(path)?, &frames)?;
    let found: Vec<_> = layers.iter().filter_map(|l| tshark::inner(l).transpose()).collect();
    let found = found.into_iter().collect::<Result<Vec<_>>>()?;
    let tunnel = stats["tunnel"].as_u64();
    ensure!(tunnel == Some(found.len() as u64), "tshark sees {} tunnels: {stats}", found.len());
    let (supported, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.supported);
    compare(&supported, &packets)?;
    let counted = stats["malformed"]["gpe_protocol"].as_u64();
    ensure!(counted == Some(other.len() as u64), "{} of other protocols: {stats}", other.len());
    for found in other {
        let name = path.file_name().unwrap_or_default().display();
        eprintln!("{name}: only tshark decodes what VXLAN-GPE carries in network {}", found.vni);
    }

    let frames: Vec<_> = frames.iter().map(|frame| mirrored(0, frame)).collect();
    let timed: Vec<_> = frames.iter().map(|frame| (0, frame.clone())).collect();
    let (packets, _) = by_kernel_and_file(&net, &Form::USUAL.file(&timed), &frames)?;
    compare(&layers.iter().map(tshark::outer).collect::<Vec<_>>(), &packets)
}

fn compare(found: &[Found], packets: &[Packet]) -> Result<()> {
    ensure!(found.len() == packets.len(), "tshark has {} for {}", found.len(), packets.len());
    for (number, (found, packet)) in found.iter().zip(packets).enumerate() {
        ensure!(found.data == packet.data, "packet {number}: {:02x?} by tshark", found.data);
        let (expected, told) = (found.wirelen, packet.wirelen as usize);
        ensure!(expected == told, "packet {number}: {expected} long by tshark, not {told}");
        let vni = format!("vni {}", found.vni);
        ensure!(packet.description.as_ref() == Some(&vni), "packet {number}: {vni} by tshark");
    }
    Ok(())
}

/// What the kernel takes out of the frames, and the counters, having checked that `-r` of the file
/// that holds them does the same.
fn by_kernel_and_file(net: &Net, file: &[u8], frames: &[Vec<u8>]) -> Result<(Vec<Packet>, Value)> {
    let args = [&PORTS[..], &["-w", "x.pcapng"]].concat();
    let capture = Capture::start(&net.target, &args)?;
    Sender::new(&net.tap)?.send_all(frames)?;
    let live = capture.stop()?;
    live.check()?;
    let offline = reread(file, &args)?;
    offline.check()?;
    for counter in Ended::COMMON {
        let (live, offline) = (&live.stats[counter], &offline.stats[counter]);
        ensure!(live == offline, "{counter}: {live} live, {offline} by -r");
    }
    let packets = file::read(&live.file("x.pcapng"))?;
    let reread = file::read(&offline.file("x.pcapng"))?;
    ensure!(packets.len() == reread.len(), "{} live, {} by -r", packets.len(), reread.len());
    for (number, (live, offline)) in packets.iter().zip(&reread).enumerate() {
        let same = Packet { time: offline.time, ..live.clone() } == *offline;
        ensure!(same, "packet {number}: {live:02x?} live, {offline:02x?} by -r");
    }
    Ok((packets, live.stats))
}
