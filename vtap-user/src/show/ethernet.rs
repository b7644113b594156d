//! Ethernet, VLAN tags, LLC.

use std::io::Write as _;

use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice};

use super::{Line, arp, be16, be32, ip, put};

const MIN_ETHER_TYPE: u16 = 0x600;
const RARP: EtherType = EtherType(0x8035);
const LLDP: EtherType = EtherType(0x88cc);
const MPLS: EtherType = EtherType(0x8847);

/// Appends a frame.
pub fn put(line: &mut Line, frame: &[u8], wirelen: u32, depth: u32) {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(frame) else {
        return put!(line, "[|ether]");
    };
    let mut rest = &frame[header.slice().len()..];
    let mut ether_type = header.ether_type();
    while let EtherType::VLAN_TAGGED_FRAME
    | EtherType::PROVIDER_BRIDGING
    | EtherType::VLAN_DOUBLE_TAGGED_FRAME = ether_type
    {
        let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest) else {
            return put!(line, "[|vlan]");
        };
        ether_type = tag.ether_type();
        rest = &rest[tag.slice().len()..];
    }
    let link_len = (frame.len() - rest.len()) as u32;
    let len = wirelen.saturating_sub(link_len);
    match ether_type {
        EtherType::IPV4 => ip::put_v4(line, rest, len, depth),
        EtherType::IPV6 => ip::put_v6(line, rest, len, depth),
        EtherType::ARP => arp::put(line, rest, len, "ARP"),
        RARP => arp::put(line, rest, len, "RARP"),
        LLDP => put!(line, "LLDP, length {len}"),
        MPLS => mpls(line, rest, len, depth),
        EtherType(length) if length < MIN_ETHER_TYPE => llc(line, rest, length),
        EtherType(other) => {
            mac(line, header.source());
            put!(line, " > ");
            mac(line, header.destination());
            put!(line, ", ethertype Unknown (0x{other:04x}), length {wirelen}");
        }
    }
}

/// Appends a MAC address.
pub fn mac(line: &mut Line, address: [u8; 6]) {
    for (place, byte) in address.iter().enumerate() {
        let colon = if place == 0 { "" } else { ":" };
        put!(line, "{colon}{byte:02x}");
    }
}

/// IEEE 802.2.
fn llc(line: &mut Line, rest: &[u8], length: u16) {
    const SPANNING_TREE: u8 = 0x42;
    match *rest {
        [SPANNING_TREE, SPANNING_TREE, _, ..] => put!(line, "STP, length {length}"),
        [dsap, ssap, control, ..] => put!(
            line,
            "LLC, dsap 0x{dsap:02x}, ssap 0x{ssap:02x}, control 0x{control:02x}, length {length}"
        ),
        _ => put!(line, "[|llc]"),
    }
}

/// RFC 3032: labels, then a packet of whose kind nothing is said but by its version.
fn mpls(line: &mut Line, mut rest: &[u8], mut len: u32, depth: u32) {
    put!(line, "MPLS");
    loop {
        let Some(entry) = be32(rest, 0) else { return put!(line, " [|mpls]") };
        let (label, class, ttl) = (entry >> 12, entry >> 9 & 7, entry & 0xff);
        let bottom = entry >> 8 & 1 == 1;
        let mark = if bottom { ", [S]" } else { "" };
        put!(line, " (label {label}, tc {class}{mark}, ttl {ttl})");
        rest = &rest[4..];
        len = len.saturating_sub(4);
        if bottom {
            break;
        }
        if line.len() > 512 {
            return put!(line, " ...");
        }
    }
    put!(line, " ");
    match rest.first().map(|byte| byte >> 4) {
        Some(4) => ip::put_v4(line, rest, len, depth),
        Some(6) => ip::put_v6(line, rest, len, depth),
        _ => put!(line, "length {len}"),
    }
}

/// RFC 7348, within UDP.
pub fn vxlan(line: &mut Line, payload: &[u8], wirelen: u32, depth: u32) {
    let (Some(flags), Some(vni)) = (be16(payload, 0), be32(payload, 4)) else {
        return put!(line, "VXLAN, [|vxlan]");
    };
    let flags = flags >> 8;
    let mark = if flags & 8 != 0 { "I" } else { "." };
    put!(line, "VXLAN, flags [{mark}] (0x{flags:02x}), vni {}, ", vni >> 8);
    put(line, &payload[8..], wirelen.saturating_sub(8), depth + 1);
}
