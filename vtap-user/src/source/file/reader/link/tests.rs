//! Link headers byte by byte.

use super::*;

const NOTHING: u16 = NO_ETHER_TYPE;

#[test]
fn link_types() {
    for (numbers, kind) in [
        (&[1][..], Some(Kind::Ethernet)),
        (&[12, 14, 101, 228, 229], Some(Kind::Ip)),
        (&[0], Some(Kind::Null)),
        (&[108], Some(Kind::Loop)),
        (&[113], Some(Kind::Cooked)),
        (&[276], Some(Kind::Cooked2)),
        (&[2, 6, 7, 9, 13, 100, 102, 105, 107, 109, 112, 114, 127, 147, 227, 275, 277], None),
    ] {
        for number in numbers {
            assert_eq!(Kind::of(*number), kind, "{number}");
        }
    }
}

#[test]
fn families_are_in_either_byte_order() {
    let (ipv4, ipv6) = (0x0800, 0x86dd);
    for (header, null, loopback) in [
        ([2, 0, 0, 0], ipv4, NOTHING),
        ([0, 0, 0, 2], ipv4, ipv4),
        ([0, 2, 0, 0], ipv4, NOTHING),
        ([24, 0, 0, 0], ipv6, NOTHING),
        ([0, 0, 0, 24], ipv6, ipv6),
        ([28, 0, 0, 0], ipv6, NOTHING),
        ([0, 0, 0, 28], ipv6, ipv6),
        ([30, 0, 0, 0], ipv6, NOTHING),
        ([0, 0, 0, 30], ipv6, ipv6),
        ([0, 24, 0, 0], ipv6, NOTHING),
        ([0, 0, 0, 10], ipv6, ipv6),
        ([0, 0, 0, 23], ipv6, ipv6),
        ([0, 0, 0x08, 0], ipv4, NOTHING),
        ([0, 0, 0x86, 0xdd], ipv6, NOTHING),
        ([0x00, 0x08, 0, 0], ipv4, NOTHING),
        ([0xff, 0x03, 0, 0x21], NOTHING, NOTHING),
        ([7, 0, 0, 0], NOTHING, NOTHING),
        ([2, 0, 0, 2], NOTHING, NOTHING),
    ] {
        assert_eq!(Kind::Null.layer(&header), behind(4, null), "{header:?}");
        assert_eq!(Kind::Loop.layer(&header), behind(4, loopback), "{header:?}");
    }
    assert_eq!(Kind::Null.layer(&[2, 0, 0]), behind(4, NOTHING));
    assert_eq!(Kind::Loop.layer(&[]), behind(4, NOTHING));
}

/// Cooked headers of either version, with this type of device and this protocol.
fn both(device: u16, protocol: u16, rest: &[u8]) -> [(Kind, Vec<u8>, u32); 2] {
    let (device, protocol) = (device.to_be_bytes(), protocol.to_be_bytes());
    let address = [0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let first = [&[0, 0], &device[..], &address, &protocol, rest].concat();
    let second = [&protocol[..], &[0, 0, 0, 0, 0, 3], &device, &[0, 6], &address[2..], rest];
    [(Kind::Cooked, first, 16), (Kind::Cooked2, second.concat(), 20)]
}

#[test]
fn cooked_headers_name_a_protocol() {
    for device in [0, 1, 772, 778, 65534] {
        for protocol in [0x0800, 0x86dd, 0x0806, 0x8100, 0x88a8, 4] {
            for (kind, packet, len) in both(device, protocol, &[]) {
                assert_eq!(kind.layer(&packet), behind(len, protocol), "{kind:?} {protocol:#x}");
            }
        }
    }
}

#[test]
fn cooked_headers_of_frames_and_of_netlink() {
    let ethernet = [&[2; 12][..], &[0x86, 0xdd, 0x60]].concat();
    for protocol in [3, 0x6558] {
        for (kind, packet, len) in both(1, protocol, &ethernet) {
            assert_eq!(kind.layer(&packet), behind(len + 14, 0x86dd));
            let cut = &packet[..packet.len() - 2];
            assert_eq!(kind.layer(cut), behind(len + 14, NO_ETHER_TYPE));
        }
    }
    for (kind, packet, len) in both(824, 0x0800, &[]) {
        assert_eq!(kind.layer(&packet), behind(len, NO_ETHER_TYPE));
    }
}

#[test]
fn headers_that_are_cut() {
    for (kind, len) in [(Kind::Cooked, 16), (Kind::Cooked2, 20)] {
        for there in 0..len {
            let header = vec![0; there as usize];
            assert_eq!(kind.layer(&header), behind(len, NO_ETHER_TYPE));
        }
    }
}

#[test]
fn what_is_not_read_is_named() {
    let mut unread = Unread::default();
    assert_eq!(unread.words(), None);
    unread.count(105);
    let words = unread.words().unwrap();
    assert!(words.starts_with("1 packet has a link type that vtap does not read (105),"));
    for link_type in [105, 127].into_iter().chain(200..300) {
        unread.count(link_type);
    }
    let words = unread.words().unwrap();
    assert!(words.starts_with("103 packets have"), "{words}");
    assert!(words.contains("(105, 127, 200, 201, 202, 203, 204, 205, …)"), "{words}");
    assert!(words.contains("Ethernet (1), raw IP (12, 14, 101, 228, 229), NULL (0)"), "{words}");
}
