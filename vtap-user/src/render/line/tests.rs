//! Lines, compared with what tcpdump 4.99 writes for the same frames.

use etherparse::{IpNumber, PacketBuilder, TcpHeader, TcpOptionElement, VlanId};
use proptest::{collection::vec, prelude::*};

use vtap_common::{abi::ProtocolClass, tunnel::LinkType, wire::Address};

use super::{Line, layers, time_of_day, write};
use crate::{
    packet::{Packet, Tunnel},
    timestamp::Timestamp,
};

const MACS: ([u8; 6], [u8; 6]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);

fn packet(link: LinkType, data: &[u8], wirelen: u32) -> Packet<'_> {
    let outer = Address::v4([0; 4]);
    Packet {
        time: Timestamp::from_unix_nanos(86_399_123_456_789),
        tunnel: Tunnel { vni: 7, src: outer, dst: outer, src_port: 0, queue: None },
        link,
        class: ProtocolClass::Other,
        wirelen,
        data,
    }
}

fn frame(line: &mut Vec<u8>, data: &[u8], wirelen: u32) {
    layers(&mut Line(line), &packet(LinkType::Ethernet, data, wirelen));
}

fn raw_ip(line: &mut Vec<u8>, data: &[u8], wirelen: u32) {
    layers(&mut Line(line), &packet(LinkType::RawIp, data, wirelen));
}

fn line(bytes: &[u8]) -> String {
    let mut line = Vec::new();
    frame(&mut line, bytes, bytes.len() as u32);
    String::from_utf8(line).unwrap()
}

fn v4() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    PacketBuilder::ethernet2(MACS.0, MACS.1).ipv4([10, 0, 0, 5], [10, 0, 1, 2], 64)
}

fn v6() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
    let address = |last| [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    PacketBuilder::ethernet2(MACS.0, MACS.1).ipv6(address(5), address(2), 64)
}

fn with_protocol(
    builder: etherparse::PacketBuilderStep<etherparse::IpHeaders>,
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = Vec::new();
    builder.write(&mut frame, IpNumber(protocol), payload).unwrap();
    frame
}

#[test]
fn tcp() {
    let segment = |change: fn(&mut TcpHeader), data: &[u8]| {
        let mut header = TcpHeader::new(40_000, 23, 1000, 500);
        change(&mut header);
        let mut frame = Vec::new();
        v4().tcp_header(header).write(&mut frame, data).unwrap();
        line(&frame)
    };
    let syn = segment(
        |header| {
            header.syn = true;
            let options = [
                TcpOptionElement::MaximumSegmentSize(1460),
                TcpOptionElement::SelectiveAcknowledgementPermitted,
                TcpOptionElement::Timestamp(1, 0),
                TcpOptionElement::Noop,
                TcpOptionElement::WindowScale(7),
            ];
            header.set_options(&options).unwrap();
        },
        b"",
    );
    assert_eq!(
        syn,
        "IP 10.0.0.5.40000 > 10.0.1.2.23: Flags [S], seq 1000, win 500, options [mss \
         1460,sackOK,TS val 1 ecr 0,nop,wscale 7], length 0"
    );
    let data = segment(
        |header| {
            header.psh = true;
            header.ack = true;
            header.acknowledgment_number = 77;
        },
        b"login",
    );
    assert_eq!(
        data,
        "IP 10.0.0.5.40000 > 10.0.1.2.23: Flags [P.], seq 1000:1005, ack 77, win 500, length 5"
    );
    let none = segment(|_| {}, b"");
    assert_eq!(none, "IP 10.0.0.5.40000 > 10.0.1.2.23: Flags [none], win 500, length 0");
}

#[test]
fn udp_and_nested_tunnels() {
    let udp = |port, data: &[u8]| {
        let mut frame = Vec::new();
        v6().udp(1, port).write(&mut frame, data).unwrap();
        frame
    };
    assert_eq!(line(&udp(53, &[0; 9])), "IP6 2001:db8::5.1 > 2001:db8::2.53: UDP, length 9");
    let tunnel = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &udp(53, &[])].concat();
    assert_eq!(
        line(&udp(4789, &tunnel)),
        "IP6 2001:db8::5.1 > 2001:db8::2.4789: VXLAN, flags [I] (0x08), vni 5, IP6 2001:db8::5.1 \
         > 2001:db8::2.53: UDP, length 0"
    );
}

/// A super-frame's IPv4 header states no length, and then the tunnel's end is that of its datagram.
#[test]
fn a_nested_frame_ends_where_its_datagram_ends() {
    let mut inner = with_protocol(v4(), 47, &[]);
    inner[14 + 2..14 + 4].fill(0);
    let mut outer = Vec::new();
    let tunnel = [&[8, 0, 0, 0, 0, 0, 5, 0][..], &inner].concat();
    v4().udp(1, 4789).write(&mut outer, &tunnel).unwrap();
    let stated = |len: u16| {
        let mut outer = outer.clone();
        outer[14 + 20 + 4..14 + 20 + 6].copy_from_slice(&len.to_be_bytes());
        line(&outer)
    };
    let vxlan = "IP 10.0.0.5.1 > 10.0.1.2.4789: VXLAN, ";
    assert_eq!(stated(9), format!("{vxlan}[|vxlan]"));
    assert_eq!(stated(17), format!("{vxlan}flags [I] (0x08), vni 5, [|ether]"));
    let whole = format!("{vxlan}flags [I] (0x08), vni 5, IP 10.0.0.5 > 10.0.1.2: ip-proto-47 0");
    assert_eq!(stated(16 + 34), whole);
    // Where the length on the wire is less than the headers.
    let mut shown = Vec::new();
    frame(&mut shown, &inner, 20);
    assert_eq!(shown, b"IP 10.0.0.5 > 10.0.1.2: ip-proto-47 0");
}

#[test]
fn extension_headers() {
    let v6 = |first, payload: &[u8]| {
        let mut frame = with_protocol(v6(), 254, payload);
        frame[14 + 6] = first;
        line(&frame)
    };
    let from = "IP6 2001:db8::5 > 2001:db8::2: ";
    let udp = [0, 1, 0, 2, 0, 8, 0, 0];
    let authentication =
        |next| [&[next, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 7][..], &[0xab; 12]].concat();
    let ah = "AH(spi=0x00001234,seq=0x7,icv=0xabababababababababababab): ";
    let behind_ah = [&authentication(17)[..], &udp].concat();
    assert_eq!(v6(51, &behind_ah), format!("{from}{ah}1 > 2: UDP, length 0"));
    let twice = [&[51, 0, 5, 2, 0, 0, 1, 0][..], &behind_ah].concat();
    assert_eq!(v6(0, &twice), format!("{from}HBH {ah}1 > 2: UDP, length 0"));
    let mobility = [&[17, 1, 5, 0][..], &[0; 12], &udp].concat();
    assert_eq!(v6(135, &mobility), format!("{from}mobility 1 > 2: UDP, length 0"));
    let fragment = |offset| [&[17, 0, 0, offset, 0, 0, 0, 9][..], &udp].concat();
    assert_eq!(v6(44, &fragment(1)), format!("{from}frag (0|8) 1 > 2: UDP, length 0"));
    assert_eq!(v6(44, &fragment(8)), format!("{from}frag (8|8)"));
    // As many as are followed, and one more.
    let many = [60, 0, 1, 4, 0, 0, 0, 0].repeat(9);
    assert_eq!(v6(60, &many), format!("{from}{}ip-proto-60 8", "DSTOPT ".repeat(8)));
    assert_eq!(v6(51, &authentication(17)[..10]), format!("{from}[|ah]"));
}

#[test]
fn icmp() {
    let icmp = |payload: &[u8]| line(&with_protocol(v4(), 1, payload));
    let from = "IP 10.0.0.5 > 10.0.1.2: ICMP ";
    let echo = [&[8, 0, 0, 0, 0, 1, 0, 2][..], &[0; 300]].concat();
    assert_eq!(icmp(&echo), format!("{from}echo request, id 1, seq 2, length 308"));
    let original = &with_protocol(v4(), 17, &[0, 1, 0, 53, 0, 8, 0, 0])[14..];
    let unreachable = |code, mtu| [&[3, code, 0, 0, 0, 0, mtu, 0][..], original].concat();
    let expected = format!("{from}10.0.1.2 udp port 53 unreachable, length 36");
    assert_eq!(icmp(&unreachable(3, 0)), expected);
    let expected = format!("{from}10.0.1.2 unreachable - need to frag (mtu 1280), length 36");
    assert_eq!(icmp(&unreachable(4, 5)), expected);
    let expected = format!("{from}host 10.0.1.2 unreachable - admin prohibited, length 36");
    assert_eq!(icmp(&unreachable(10, 0)), expected);
    let exceeded = [&[11, 0, 0, 0, 0, 0, 0, 0][..], original].concat();
    assert_eq!(icmp(&exceeded), format!("{from}time exceeded in-transit, length 36"));
    assert_eq!(icmp(&[99, 0, 0, 0]), format!("{from}type-#99, length 4"));
}

#[test]
fn icmp6() {
    let icmp6 = |payload: &[u8]| line(&with_protocol(v6(), 58, payload));
    let from = "IP6 2001:db8::5 > 2001:db8::2: ICMP6, ";
    let echo = [129, 0, 0, 0, 0, 1, 0, 2];
    assert_eq!(icmp6(&echo), format!("{from}echo reply, id 1, seq 2, length 8"));
    let mut solicitation = [0; 24];
    solicitation[0] = 135;
    solicitation[23] = 9;
    let expected = format!("{from}neighbor solicitation, who has ::9, length 24");
    assert_eq!(icmp6(&solicitation), expected);
    let report = [143, 0, 0, 0, 0, 0, 0, 1];
    let mut frame = with_protocol(v6(), 254, &[&[58, 0, 5, 2, 0, 0, 1, 0][..], &report].concat());
    frame[14 + 6] = 0;
    assert_eq!(
        line(&frame),
        "IP6 2001:db8::5 > 2001:db8::2: HBH ICMP6, multicast listener report v2, 1 group \
         record(s), length 8"
    );
}

#[test]
fn arp() {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend([&MACS.0[..], &[10, 0, 0, 5], &[0; 6], &[10, 0, 0, 1]].concat());
    let ethernet = |packet: &[u8]| line(&[&MACS.1[..], &MACS.0, &[8, 6], packet].concat());
    assert_eq!(ethernet(&packet), "ARP, Request who-has 10.0.0.1 tell 10.0.0.5, length 28");
    packet[7] = 2;
    assert_eq!(ethernet(&packet), "ARP, Reply 10.0.0.5 is-at 02:00:00:00:00:01, length 28");
}

#[test]
fn tags_fragments_and_strangers() {
    let mut frame = Vec::new();
    let tag = VlanId::try_new(5).unwrap();
    let tagged = PacketBuilder::ethernet2(MACS.0, MACS.1).single_vlan(tag);
    tagged.ipv4([10, 0, 0, 5], [10, 0, 1, 2], 64).udp(1, 2).write(&mut frame, &[0; 3]).unwrap();
    assert_eq!(line(&frame), "IP 10.0.0.5.1 > 10.0.1.2.2: UDP, length 3");
    let mut later = with_protocol(v4(), 17, &[0; 16]);
    later[21] = 2;
    assert_eq!(line(&later), "IP 10.0.0.5 > 10.0.1.2: ip-proto-17");
    assert_eq!(
        line(&with_protocol(v4(), 253, &[0; 16])),
        "IP 10.0.0.5 > 10.0.1.2: ip-proto-253 16"
    );
    let stranger = [&MACS.1[..], &MACS.0, &[0x99, 0x99], &[0; 50]].concat();
    assert_eq!(
        line(&stranger),
        "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype Unknown (0x9999), length 64"
    );
}

#[test]
fn cut_packets_go_as_far_as_they_go() {
    let mut whole = Vec::new();
    v4().tcp(1, 2, 3, 4).write(&mut whole, &[0; 1000]).unwrap();
    let cut = |len: usize| {
        let mut line = Vec::new();
        frame(&mut line, &whole[..len], whole.len() as u32);
        String::from_utf8(line).unwrap()
    };
    let expected = "IP 10.0.0.5.1 > 10.0.1.2.2: Flags [none], seq 3:1003, win 4, length 1000";
    assert_eq!(cut(64), expected);
    assert_eq!(cut(40), "IP 10.0.0.5.1 > 10.0.1.2.2: [|tcp]");
    assert_eq!(cut(30), "IP [|ip]");
    assert_eq!(cut(10), "[|ether]");
    // More is missing than the wire had.
    let claims = line(&whole[..100]);
    assert!(claims.starts_with("IP truncated-ip - 954 bytes missing! 10.0.0.5.1"), "{claims}");
}

#[test]
fn times() {
    let mut line = Vec::new();
    time_of_day(&mut Line(&mut line), Timestamp::from_unix_nanos(86_399_123_456_789));
    assert_eq!(line, b"23:59:59.123456");
    line.clear();
    write(&mut line, &packet(LinkType::RawIp, &[0x70], 1));
    assert_eq!(line, b"23:59:59.123456 vni 7 unknown ip 7");
}

/// Headers whose length fields may say anything, and which may carry one another.
fn layer() -> impl Strategy<Value = Vec<u8>> {
    let len = || prop_oneof![0_u16..80, any::<u16>()].prop_map(u16::to_be_bytes);
    let protocol =
        prop::sample::select(&[0_u8, 1, 2, 4, 6, 17, 41, 43, 44, 51, 58, 60, 132, 135][..]);
    let next = prop::sample::select(&[6_u8, 17, 44, 51, 58, 60, 135][..]);
    prop_oneof![
        Just([&[0; 12][..], &[8, 0]].concat()),
        Just([&[0; 12][..], &[0x86, 0xdd]].concat()),
        Just(vec![8, 0, 0, 0, 0, 0, 7, 0]),
        Just([&[0; 12][..], &[0x88, 0x47], &[0, 0, 1, 64]].concat()),
        (len(), protocol.clone()).prop_map(|([a, b], protocol)| {
            [&[0x45, 0, a, b, 0, 0, 0, 0, 64, protocol][..], &[0; 10]].concat()
        }),
        (len(), protocol).prop_map(|([a, b], protocol)| {
            [&[0x60, 0, 0, 0, a, b, protocol, 64][..], &[0; 32]].concat()
        }),
        len().prop_map(|[a, b]| vec![0, 9, 0x12, 0xb5, a, b, 0, 0]),
        (next, 0_u8..4).prop_map(|(next, len)| vec![next, len, 0, 0, 0, 0, 0, 0]),
        vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #[test]
    fn layers_in_any_order_are_survived(
        layers in vec(layer(), 0..12),
        wirelen in prop_oneof![0_u32..300, any::<u32>()],
    ) {
        let bytes = layers.concat();
        let mut line = Vec::new();
        frame(&mut line, &bytes, wirelen);
        raw_ip(&mut line, &bytes, wirelen);
        prop_assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)));
        prop_assert!(line.len() < 4096, "{}", line.len());
    }

    /// Nothing from the network reaches the terminal, and no line grows without bound.
    #[test]
    fn lines_are_printable_and_short(
        kind in prop_oneof![
            Just([8, 0]), Just([0x86, 0xdd]), Just([8, 6]), Just([0x81, 0]), Just([0x88, 0x47]),
            any::<[u8; 2]>(),
        ],
        first in prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()],
        protocol in prop_oneof![Just(1_u8), Just(6), Just(17), Just(58), Just(0), Just(44), any::<u8>()],
        rest in vec(any::<u8>(), 0..300),
        wirelen in any::<u32>(),
    ) {
        let mut bytes = [&[0; 12][..], &kind, &[first], &rest].concat();
        for place in [14 + 9, 14 + 6] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = protocol;
            }
        }
        let mut line = Vec::new();
        frame(&mut line, &bytes, wirelen);
        raw_ip(&mut line, &bytes[14..], wirelen);
        prop_assert!(line.iter().all(|byte| (0x20..0x7f).contains(byte)));
        prop_assert!(line.len() < 4096, "{}", line.len());
    }
}
