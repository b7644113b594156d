//! The accounts of captures that were made up, as numbers and as text written by hand.

use serde_json::{Value, json};
use vtap_common::wire::Address;

use super::*;
use crate::{
    output::{Cause, Failure},
    packet::Tunnel,
    timestamp::Timestamp,
};

fn packet(vni: u32, class: ProtocolClass, wirelen: u32) -> Packet<'static> {
    Packet {
        time: Timestamp::default(),
        tunnel: Tunnel { vni, src: Address::NONE, dst: Address::NONE, src_port: 1, queue: None },
        link: vtap_common::tunnel::LinkType::Ethernet,
        class,
        wirelen,
        data: b"abc",
    }
}

/// A capture of these packets without outputs.
fn tally(packets: &[(u32, ProtocolClass, u32)]) -> Tally {
    let mut tally = Tally::default();
    for (vni, class, wirelen) in packets {
        tally.count(&packet(*vni, *class, *wirelen));
    }
    tally
}

fn stats(counters: &Counters, tally: Tally, outputs: &[Report], rules: &[&str]) -> Stats {
    let setting = Setting {
        interface: "ens3".into(),
        xdp_mode: "native",
        verdict: "pass",
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    Stats::new(&setting, Duration::from_millis(1500), counters, tally, outputs)
}

fn report(output: &str, packets: u64, dropped: u64, holds_up: bool) -> Report {
    Report { output: output.into(), packets, dropped, failure: None, holds_up }
}

fn by_vni(tally: Tally) -> String {
    serde_json::to_string(&stats(&Counters::ZERO, tally, &[], &[]).by_vni).unwrap()
}

#[test]
fn packets_are_counted_by_network() {
    let vnis = [0, 0, 7, 7, 7, 0x00ff_ffff, 7, 30, 0];
    let tally = tally(&vnis.map(|vni| (vni, ProtocolClass::Tcp, 1)));
    assert_eq!(by_vni(tally), r#"{"0":3,"7":4,"30":1,"16777215":1}"#);
    assert_eq!(by_vni(Tally::default()), "{}");
}

#[test]
fn networks_beyond_a_bound_are_counted_together() {
    let mut tally = Tally::default();
    let count = |tally: &mut Tally, vni| tally.count(&packet(vni, ProtocolClass::Udp, 1));
    for vni in 0..65_536 {
        count(&mut tally, vni);
    }
    for vni in [70_000, 70_000, 80_000, 5, 70_000] {
        count(&mut tally, vni);
    }
    let text = by_vni(tally);
    assert!(text.contains(r#""4":1,"5":2,"6":1,"#), "one that was known");
    assert!(text.ends_with(r#","65535":1,"other":4}"#), "{}", &text[text.len() - 40..]);
}

#[test]
fn the_accounts_as_numbers() {
    let mut counters = Counters::ZERO;
    counters.received = Traffic { packets: 20, bytes: 3000 };
    counters.coalesced = 2;
    counters.not_tunnel = 1;
    counters.tunnel = 21;
    counters.malformed[Malformed::VxlanFlags as usize] = 3;
    counters.damaged[Damaged::Vlan as usize] = 4;
    counters.damaged[Damaged::Transport as usize] = 1;
    counters.filtered = 5;
    counters.matched = Traffic { packets: 13, bytes: 1000 };
    counters.lost[Lost::RingFull as usize] = 6;
    counters.lost[Lost::TooLong as usize] = 2;
    counters.rules[..2].copy_from_slice(&[8, 9]);
    let mut tally = tally(&[
        (7, ProtocolClass::Tcp, 100),
        (7, ProtocolClass::Arp, 60),
        (9, ProtocolClass::Other, 1),
        (7, ProtocolClass::Tcp, 40),
    ]);
    tally.given = 3;
    let failure = Some(Failure { message: "no room".into(), cause: Cause::Error });
    let outputs = [
        report("lines", 3, 0, false),
        Report { failure, ..report("-w a.pcap", 2, 1, true) },
        report("-w b.pcap", 1, 2, true),
    ];
    let stats = stats(&counters, tally, &outputs, &["include vni 7", "exclude"]);
    let value = serde_json::to_value(&stats).unwrap();
    let expected = json!({
        "version": 1,
        "interface": "ens3",
        "xdp_mode": "native",
        "verdict": "pass",
        "duration_s": 1.5,
        "received": {"packets": 20, "bytes": 3000},
        "not_tunnel": 1,
        "tunnel": 21,
        "malformed": {
            "total": 3, "udp_header": 0, "udp_length": 0, "outer_fragment": 0, "vxlan_header": 0,
            "vxlan_flags": 3, "gpe_protocol": 0, "coalesced": 0,
        },
        "damaged": {
            "total": 5, "ethernet": 0, "vlan": 4, "ipv4": 0, "ipv6": 0, "ipv6_extension": 0,
            "arp": 0, "transport": 1,
        },
        "direction_unknown": 0,
        "filtered": 5,
        "matched": {"packets": 13, "bytes": 1000},
        "lost": {"total": 8, "ring_full": 6, "no_ring": 0, "too_long": 2, "copy_failed": 0},
        "delivered": {"packets": 4, "bytes": 201},
        "written": 2,
        "coalesced": 2,
        "outputs": [
            {"output": "lines", "packets": 3, "dropped": 0, "error": null},
            {"output": "-w a.pcap", "packets": 2, "dropped": 1, "error": "no room"},
            {"output": "-w b.pcap", "packets": 1, "dropped": 2, "error": null},
        ],
        "by_vni": {"7": 3, "9": 1},
        "by_proto": {"tcp": 2, "udp": 0, "icmp": 0, "icmp6": 0, "arp": 1, "other": 1},
        "rules": [
            {"rule": "include vni 7", "packets": 8},
            {"rule": "exclude", "packets": 9},
        ],
    });
    assert_eq!(value, expected);
    assert_eq!(
        stats.summary(),
        "4 packets delivered (201 bytes), 2 written, 8 (ring_full 6, too_long 2) lost\n\
         20 frames received on ens3 (2 further datagrams coalesced in them): 1 not tunnel, 21 tunnel\n\
         tunnel packets: 3 (vxlan_flags 3) malformed, 5 filtered, 13 matched\n\
         output -w a.pcap: 2 packets, 1 dropped\n\
         output -w b.pcap: 1 packets, 2 dropped\n\
         inner packets with damaged headers: 5 (vlan 4, transport 1)\n\
         rule `include vni 7`: 8 packets\n\
         rule `exclude`: 9 packets\n"
    );
}

#[test]
fn a_summary_leaves_out_what_there_is_none_of() {
    let tally = Tally { given: 3, ..Tally::default() };
    let stats = stats(&Counters::ZERO, tally, &[report("lines", 9, 0, false)], &[]);
    // Without a recording, the packets that the outputs were given are written.
    assert_eq!(
        stats.summary(),
        "0 packets delivered (0 bytes), 3 written, 0 lost\n\
         0 frames received on ens3: 0 not tunnel, 0 tunnel\n\
         tunnel packets: 0 malformed, 0 filtered, 0 matched\n"
    );
}

#[test]
fn the_counters_are_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stats.json");
    let file = StatsFile::create(&path).unwrap();
    assert!(!path.exists());
    let stats = stats(&Counters::ZERO, Tally::default(), &[], &[]);
    file.write(&stats, &Cancel::new().unwrap()).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("\n}\n"), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value, serde_json::to_value(&stats).unwrap());
    assert!(StatsFile::create(&dir.path().join("missing/stats.json")).is_err());
}
