//! Files that were written down by hand from the standard.

use vtap_common::{abi::ProtocolClass, wire::Address};

use super::*;
use crate::timestamp::Timestamp;

fn packet(vni: u32, link: LinkType, seconds: i64, data: &[u8]) -> Packet<'_> {
    Packet {
        time: Timestamp { seconds, nanos: 5 },
        tunnel: Tunnel {
            vni,
            src: Address::v4([10, 0, 1, 2]),
            dst: Address::v4([10, 0, 1, 3]),
            src_port: 50_000,
            queue: Some(1),
        },
        link,
        class: ProtocolClass::Other,
        wirelen: 1500,
        data,
    }
}

/// The bytes of numbers in this machine's order.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Two halves of a word.
fn halves(first: u16, second: u16) -> u32 {
    let [[a, b], [c, d]] = [first, second].map(u16::to_ne_bytes);
    u32::from_ne_bytes([a, b, c, d])
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn interface(link: u16, vni: Option<&str>, shift: Option<i64>) -> Vec<u8> {
    let mut options = [words(&[halves(2, 4)]), text("ens3")].concat();
    if let Some(vni) = vni {
        options.extend(words(&[halves(3, vni.len() as u16)]));
        options.extend(text(vni));
    }
    options.extend(words(&[halves(9, 1)]));
    options.extend([9, 0, 0, 0]);
    if let Some(shift) = shift {
        options.extend(words(&[halves(14, 8)]));
        options.extend(shift.to_ne_bytes());
    }
    options.extend(words(&[0]));
    let len = options.len() as u32 + 20;
    [words(&[1, len, halves(link, 0), 0]), options, words(&[len])].concat()
}

fn written(annotate: bool, packets: &[Packet<'_>]) -> Vec<u8> {
    let mut format = Pcapng::new("ens3".into(), annotate);
    let mut bytes = Vec::new();
    for packet in packets {
        format.packet(&mut bytes, packet).unwrap();
    }
    bytes
}

#[test]
fn a_section_begins_a_file() {
    let mut bytes = Vec::new();
    Pcapng::new(String::new(), false).header(&mut bytes);
    let program = concat!("vtap ", env!("CARGO_PKG_VERSION"));
    let options = [words(&[halves(4, program.len() as u16)]), text(program), words(&[0])].concat();
    let len = options.len() as u32 + 28;
    let magic = [0x0a0d_0d0a, len, 0x1a2b_3c4d, halves(1, 0), u32::MAX, u32::MAX];
    assert_eq!(bytes, [words(&magic), options, words(&[len])].concat());
}

#[test]
fn packets_of_two_networks_and_two_link_types() {
    // 1,700,000,000 s and 5 ns.
    let time = [0x1797_9cfe, 0x362a_0005];
    let head = |id, caplen, len| words(&[6, len, id, time[0], time[1], caplen, 1500]);
    let seconds = 1_700_000_000;
    let bytes = written(
        false,
        &[
            packet(7, LinkType::Ethernet, seconds, b"abcde"),
            packet(0xff_ffff, LinkType::RawIp, seconds, b"abcd"),
            packet(7, LinkType::Ethernet, seconds, b""),
        ],
    );
    let expected = [
        interface(1, Some("vni 7"), None),
        [head(0, 5, 40), b"abcde\0\0\0".to_vec(), words(&[40])].concat(),
        interface(101, Some("vni 16777215"), None),
        [head(1, 4, 36), b"abcd".to_vec(), words(&[36])].concat(),
        [head(0, 0, 32), words(&[32])].concat(),
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn a_comment_stands_behind_the_packet() {
    let bytes = written(true, &[packet(7, LinkType::Ethernet, 0, b"a")]);
    let comment = "vni 7 (10.0.1.2.50000 > 10.0.1.3), queue 1";
    let options = [words(&[halves(1, comment.len() as u16)]), text(comment), words(&[0])].concat();
    let len = 36 + options.len() as u32;
    let expected = [
        interface(1, Some("vni 7"), None),
        words(&[6, len, 0, 0, 5, 1, 1500]),
        b"a\0\0\0".to_vec(),
        options,
        words(&[len]),
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn a_time_before_1970_has_an_interface_of_its_own() {
    let bytes = written(false, &[packet(7, LinkType::Ethernet, -1, b"")]);
    let (shift, nanos) = (1_i64 << 34, ((1_u64 << 34) - 1) * 1_000_000_000 + 5);
    let expected = [
        interface(1, Some("vni 7"), Some(-shift)),
        words(&[6, 32, 0, (nanos >> 32) as u32, nanos as u32, 0, 1500, 32]),
    ];
    assert_eq!(bytes, expected.concat());
}

#[test]
fn interfaces_are_bounded() {
    let mut format = Pcapng::new("ens3".into(), false);
    let mut bytes = Vec::new();
    let mut put = |vni, link, seconds| {
        bytes.clear();
        format.packet(&mut bytes, &packet(vni, link, seconds, b"")).map(|()| bytes.clone())
    };
    for vni in 0..4096 {
        let own = put(vni, LinkType::Ethernet, 0).unwrap();
        assert!(own.starts_with(&interface(1, Some(&format!("vni {vni}")), None)));
    }
    let shared = |id: u32, vni: &str| {
        let options = [words(&[halves(1, vni.len() as u16)]), text(vni), words(&[0])].concat();
        let len = 32 + options.len() as u32;
        [words(&[6, len, id, 0, 5, 0, 1500]), options, words(&[len])].concat()
    };
    let first = put(4096, LinkType::Ethernet, 0).unwrap();
    assert_eq!(first, [interface(1, None, None), shared(4096, "vni 4096")].concat());
    assert_eq!(put(4097, LinkType::Ethernet, 0).unwrap(), shared(4096, "vni 4097"));
    let raw = put(4096, LinkType::RawIp, 0).unwrap();
    assert_eq!(raw, [interface(101, None, None), shared(4097, "vni 4096")].concat());
    assert_eq!(put(4095, LinkType::Ethernet, 0).unwrap(), words(&[6, 32, 4095, 0, 5, 0, 1500, 32]));
    // Two are there already. The first era reaches beyond where the second begins.
    for era in 2..64 {
        assert!(put(4096, LinkType::Ethernet, era << 34).is_ok(), "{era}");
    }
    let error = put(4096, LinkType::Ethernet, 64 << 34).unwrap_err();
    assert!(error.to_string().contains("centuries"), "{error}");
}

#[test]
fn a_file_without_packets_has_an_interface() {
    let mut format = Pcapng::new("ens3".into(), false);
    let mut bytes = Vec::new();
    format.trailer(&mut bytes);
    assert_eq!(bytes, interface(1, None, None));
    bytes.clear();
    format.packet(&mut bytes, &packet(7, LinkType::Ethernet, 0, b"")).unwrap();
    let len = bytes.len();
    format.trailer(&mut bytes);
    assert_eq!(bytes.len(), len);
}
