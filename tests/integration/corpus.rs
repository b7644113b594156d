//! Captures that others made: the kernel path, `-r` and tshark see the same inner packets.
//!
//! `VTAP_CORPUS` names the folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vtap_tests::{
    capture::{self, Capture, Ended},
    file::{self, Packet},
    need::Need,
    net::Net,
    sender::Sender,
};

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
    collect(&folder, &mut files);
    files.sort();
    let test = |path: PathBuf| crate::Test {
        name: format!("corpus::{}", path.strip_prefix(&folder).unwrap_or(&path).display()),
        needs: vec![Need::Program("tshark")],
        run: Box::new(move || check(&path)),
    };
    files.into_iter().map(test).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path
            .extension()
            .is_some_and(|end| ["pcap", "pcapng", "cap"].iter().any(|e| end == *e))
        {
            files.push(path);
        }
    }
}

fn check(path: &Path) -> Result<()> {
    let net = Net::with_mtu(65_535)?;
    let (offline, stats) = reread(&net, path)?;
    let (live, ended) = replay(&net, path)?;
    ended.check()?;
    ensure!(live.len() == offline.len(), "{} live, {} by -r", live.len(), offline.len());
    for (number, (live, offline)) in live.iter().zip(&offline).enumerate() {
        let same = live.data == offline.data
            && live.wirelen == offline.wirelen
            && (live.link, &live.description) == (offline.link, &offline.description);
        ensure!(same, "packet {number}: {live:02x?} live, {offline:02x?} by -r");
    }
    for counter in [
        "received",
        "not_tunnel",
        "tunnel",
        "malformed",
        "filtered",
        "matched",
        "by_vni",
        "by_proto",
    ] {
        let (live, offline) = (&ended.stats[counter], &stats[counter]);
        ensure!(live == offline, "{counter}: {live} live, {offline} by -r");
    }
    let seen = tshark(path)?;
    ensure!(seen.len() as u64 == ended.count("tunnel"), "tshark sees {} tunnels", seen.len());
    let expected: Vec<_> = seen.into_iter().filter(|inner| inner.supported).collect();
    ensure!(expected.len() == live.len(), "tshark has {} for {}", expected.len(), live.len());
    for (number, (expected, packet)) in expected.iter().zip(&live).enumerate() {
        ensure!(expected.data == packet.data, "packet {number}: {:02x?} by tshark", expected.data);
        let vni = format!("vni {}", expected.vni);
        ensure!(packet.description.as_ref() == Some(&vni), "packet {number}: {vni} by tshark");
    }
    Ok(())
}

/// By `-r`.
fn reread(net: &Net, path: &Path) -> Result<(Vec<Packet>, Value)> {
    let dir = tempfile::tempdir()?;
    let (file, counters) = (dir.path().join("x.pcapng"), dir.path().join("stats.json"));
    let (path, out) = (path.display().to_string(), file.display().to_string());
    let counters_path = counters.display().to_string();
    let args = ["capture", "-r", &path, "-w", &out, "--stats-json", &counters_path];
    let output = capture::run(&net.target, &[&args[..], &PORTS].concat())?;
    ensure!(output.status.success(), "-r: {}", String::from_utf8_lossy(&output.stderr));
    Ok((file::read(&file)?, serde_json::from_slice(&fs::read(counters)?)?))
}

/// By the kernel.
fn replay(net: &Net, path: &Path) -> Result<(Vec<Packet>, Ended)> {
    let frames = file::read(path)?;
    let capture = Capture::start(&net.target, &[&PORTS[..], &["-w", "x.pcapng"]].concat())?;
    Sender::new(&net.tap)?.send_all(frames.iter().map(|frame| &frame.data))?;
    let ended = capture.stop()?;
    Ok((file::read(&ended.file("x.pcapng"))?, ended))
}

/// An inner packet as tshark finds it.
struct Inner {
    vni: u64,
    data: Vec<u8>,
    /// Whether vtap takes out what it carries.
    supported: bool,
}

/// The payload of the outermost VXLAN header of each frame.
fn tshark(path: &Path) -> Result<Vec<Inner>> {
    let output = Command::new("tshark")
        .args(["-d", "udp.port==8472,vxlan", "-T", "jsonraw", "--no-duplicate-keys", "-r"])
        .arg(path)
        .stderr(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "tshark: {}", output.status);
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    packets.iter().filter_map(|packet| inner(&packet["_source"]["layers"]).transpose()).collect()
}

fn inner(layers: &Value) -> Result<Option<Inner>> {
    let Some((header, at)) = outermost(&layers["vxlan_raw"]) else { return Ok(None) };
    let (udp, udp_at) = outermost(&layers["udp_raw"]).context("VXLAN without UDP")?;
    let frame = bytes(layers["frame_raw"][0].as_str().unwrap_or_default());
    let (port, udp_len) = (u16::from_be_bytes([udp[2], udp[3]]), [udp[4], udp[5]]);
    let udp_len = usize::from(u16::from_be_bytes(udp_len));
    let end = if udp_len == 0 { frame.len() } else { frame.len().min(udp_at + udp_len) };
    Ok(Some(Inner {
        vni: u64::from(u32::from_be_bytes([0, header[4], header[5], header[6]])),
        data: frame[at + 8..end].to_vec(),
        supported: port != 4790 || header[0] & 4 == 0 || (1..=3).contains(&header[3]),
    }))
}

/// The bytes of the first layer of a kind, and where it begins.
fn outermost(raw: &Value) -> Option<(Vec<u8>, usize)> {
    let first = if raw[0].is_array() { &raw[0] } else { raw };
    Some((bytes(first[0].as_str()?), usize::try_from(first[1].as_u64()?).ok()?))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
