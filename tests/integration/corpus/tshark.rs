//! What tshark says a capture file holds.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// A packet as tshark finds it.
pub struct Found {
    /// Network identifier, of an inner packet.
    pub vni: u64,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its length before a cut, as its network header tells.
    pub wirelen: usize,
    /// Whether vtap takes out what the tunnel carries: of VXLAN-GPE's payloads, tshark decodes
    /// more kinds (such as NSH).
    pub supported: bool,
}

/// The layers of each packet of a file.
pub fn dissect(path: &Path) -> Result<Vec<Value>> {
    let output = Command::new("tshark")
        .args(["-d", "udp.port==8472,vxlan", "-T", "jsonraw", "--no-duplicate-keys", "-r"])
        .arg(path)
        .stderr(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "tshark: {}", output.status);
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    Ok(packets.into_iter().map(|mut packet| packet["_source"]["layers"].take()).collect())
}

/// What follows the outermost VXLAN header: from where tshark has its next layer begin to where it
/// has the UDP payload end.
pub fn inner(layers: &Value) -> Result<Option<Found>> {
    let Some((header, at)) = each(&layers["vxlan_raw"]).next() else { return Ok(None) };
    let (udp, _) = each(&layers["udp_raw"]).next().context("VXLAN without UDP")?;
    let udp_fields = first(&layers["udp"]);
    let (payload, payload_at) =
        each(&udp_fields["udp.payload_raw"]).next().context("UDP without payload")?;
    let end = payload_at + payload.len();
    let begins = ["eth_raw", "ip_raw", "ipv6_raw"]
        .map(|name| each(&layers[name]).map(|(_, begin)| begin).find(|begin| *begin > at));
    // Of what tshark does not decode, it only shows the bytes.
    let start = begins.into_iter().flatten().min().unwrap_or(at + header.len());
    let port = be16(&udp, 2);
    let data = payload.get(start - payload_at..).context("a layer outside of its datagram")?;
    Ok(Some(Found {
        vni: u64::from(u32::from_be_bytes([0, header[4], header[5], header[6]])),
        data: data.to_vec(),
        wirelen: network_end(layers, start).map_or(end, |network| network.max(end)) - start,
        supported: port != 4790 || header[0] & 4 == 0 || (1..=3).contains(&header[3]),
    }))
}

/// The frame itself.
pub fn outer(layers: &Value) -> Found {
    let data = bytes(layers["frame_raw"][0].as_str().unwrap_or_default());
    let wirelen = network_end(layers, 0).map_or(data.len(), |end| end.max(data.len()));
    Found { vni: 0, data, wirelen, supported: true }
}

/// Where the first IP packet behind `start` ends, as its header says.
fn network_end(layers: &Value, start: usize) -> Option<usize> {
    let first = |name| each(&layers[name]).find(|(_, at)| *at >= start);
    let v4 = first("ip_raw").map(|(header, at)| (at, usize::from(be16(&header, 2))));
    let v6 = first("ipv6_raw").map(|(header, at)| match usize::from(be16(&header, 4)) {
        0 => (at, 0),
        len => (at, 40 + len),
    });
    let (at, len) = v4.into_iter().chain(v6).min()?;
    // Zero is how super-frames tell.
    (len != 0).then_some(at + len)
}

/// The outermost of several layers of a kind.
fn first(layers: &Value) -> &Value {
    layers.as_array().and_then(|layers| layers.first()).unwrap_or(layers)
}

/// The bytes of each layer of a kind, and where it begins.
fn each(raw: &Value) -> impl Iterator<Item = (Vec<u8>, usize)> {
    let single = std::slice::from_ref(raw);
    let layers = match raw.as_array() {
        Some(several) if raw[0].is_array() => several,
        _ => single,
    };
    layers.iter().filter_map(|layer| {
        Some((bytes(layer[0].as_str()?), usize::try_from(layer[1].as_u64()?).ok()?))
    })
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}
