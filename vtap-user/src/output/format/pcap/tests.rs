use vtap_common::{abi::ProtocolClass, tunnel::LinkType, wire::Address};

use super::*;
use crate::packet::Tunnel;

fn put(seconds: i64) -> Result<Vec<u8>> {
    let tunnel =
        Tunnel { vni: 7, src: Address::NONE, dst: Address::NONE, src_port: 0, queue: None };
    let mut bytes = Vec::new();
    let packet = Packet {
        time: Timestamp { seconds, nanos: 999_999_999 },
        tunnel,
        link: LinkType::Ethernet,
        class: ProtocolClass::Other,
        wirelen: 1500,
        data: b"abc",
    };
    Pcap.packet(&mut bytes, &packet).map(|()| bytes)
}

/// As the standard has it, written down by hand.
#[test]
fn a_file() {
    let mut bytes = Vec::new();
    Pcap.header(&mut bytes);
    let word = u32::to_ne_bytes;
    let [major, minor] = [2_u16, 4].map(u16::to_ne_bytes);
    let version = u32::from_ne_bytes([major[0], major[1], minor[0], minor[1]]);
    let head = [0xa1b2_3c4d, version, 0, 0, 262_144, 1].map(word);
    assert_eq!(bytes, head.concat());
    for seconds in [0, 1_700_000_000, u32::MAX] {
        let head = [seconds, 999_999_999, 3, 1500].map(word).concat();
        assert_eq!(put(seconds.into()).unwrap(), [&head[..], b"abc"].concat());
    }
}

#[test]
fn times_that_it_does_not_hold() {
    for seconds in [-1, 1 << 32, i64::MIN, i64::MAX] {
        let error = put(seconds).unwrap_err().to_string();
        assert!(error.contains(&seconds.to_string()) && error.contains(".pcapng"), "{error}");
    }
}
