//! Every flag and rule selects just what it says, in the kernel and by `-r`.

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::Capture,
    file,
    frames::{self, mirrored, outer, tagged, vxlan},
    net::Net,
    sender::Sender,
};

crate::tests![
    flags [],
    flags_and_alternatives [],
    rules_in_their_order [],
    many_values [],
    ports_of_fragments_are_unknown [],
];

const FROM_A: ([u8; 4], [u8; 4]) = ([10, 0, 1, 2], [10, 9, 0, 2]);
const FROM_B: ([u8; 4], [u8; 4]) = ([10, 0, 2, 2], [10, 9, 0, 3]);

/// The packets that every case is tried on: outer frame and its inner one.
fn traffic() -> Vec<(Vec<u8>, Vec<u8>)> {
    let from = |addresses, vni, inner: Vec<u8>| {
        (outer(addresses, (1, frames::VXLAN), &vxlan(vni, &inner)), inner)
    };
    vec![
        from(FROM_A, 7, frames::tcp((40_000, 23), b"0")),
        from(FROM_A, 7, frames::tcp((23, 40_000), b"1")),
        from(FROM_B, 8, frames::udp((1000, 53), b"2")),
        from(FROM_B, 9, frames::udp6((53, 2000), b"3")),
        from(FROM_A, 100, frames::icmp(4, b"4")),
        from(FROM_A, 100, frames::icmp6(5, b"5")),
        from(FROM_B, 7, frames::arp()),
        from(FROM_A, 7, frames::sctp((2905, 2906))),
        from(FROM_A, 7, frames::ip_protocol(47, b"8")),
        from(FROM_A, 7, frames::ethernet(0x88cc, b"9")),
        from(FROM_A, 7, tagged(&frames::tcp6((40_000, 443), b"10"), &[(0x8100, 3)])),
    ]
}

/// Checks that `args` select the packets at `places`.
fn check(net: &Net, sender: &Sender, args: &[&str], places: &[usize]) -> Result<()> {
    let traffic = traffic();
    let capture = Capture::start(&net.target, &[args, &["-w", "x.pcapng"]].concat())?;
    sender.send_all(traffic.iter().map(|(outer, _)| outer))?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    let place = |data: &Vec<u8>| traffic.iter().position(|(_, inner)| inner == data);
    let seen: Vec<_> = packets.iter().filter_map(|packet| place(&packet.data)).collect();
    ensure!(seen == places, "{args:?} selects {seen:?}, not {places:?}");
    let filtered = traffic.len() - places.len();
    ensure!(ended.count("filtered") == filtered as u64, "{args:?}: {}", ended.stats);
    ended.check_reread(traffic.into_iter().map(|(outer, _)| outer), args)
}

fn check_all(cases: &[(&[&str], &[usize])]) -> Result<()> {
    let net = Net::new()?;
    let sender = Sender::new(&net.tap)?;
    cases.iter().try_for_each(|(args, places)| check(&net, &sender, args, places))
}

fn flags() -> Result<()> {
    check_all(&[
        (&[], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&["--vni", "8"], &[2]),
        (&["--vni", "8-9"], &[2, 3]),
        (&["--outer-src", "10.0.2.0/24"], &[2, 3, 6]),
        (&["--outer-dst", "10.9.0.3"], &[2, 3, 6]),
        (&["--outer-src", "::/0"], &[]),
        (&["--proto", "tcp"], &[0, 1, 10]),
        (&["--proto", "udp"], &[2, 3]),
        (&["--proto", "icmp"], &[4]),
        (&["--proto", "icmp6"], &[5]),
        (&["--proto", "arp"], &[6]),
        (&["--proto", "sctp"], &[7]),
        (&["--proto", "47"], &[8]),
        (&["--src-port", "23"], &[1]),
        (&["--dst-port", "23"], &[0]),
        (&["--inner-port", "23"], &[0, 1]),
        (&["--inner-port", "50-60"], &[2, 3]),
        (&["--inner-port", "0-65535"], &[0, 1, 2, 3, 7, 10]),
        (&["--src", "10.0.0.0/24"], &[0, 1, 2, 4, 6, 7, 8]),
        (&["--dst", "10.0.0.0/24"], &[]),
        (&["--dst", "2001:db8:1::/48"], &[3, 5, 10]),
        (&["--net", "2001:db8::/64"], &[3, 5, 10]),
        (&["--net", "10.0.1.2"], &[0, 1, 2, 4, 6, 7, 8]),
    ])
}

fn flags_and_alternatives() -> Result<()> {
    check_all(&[
        (&["--vni", "7", "--vni", "9"], &[0, 1, 3, 6, 7, 8, 9, 10]),
        (&["--proto", "tcp", "--vni", "7", "--dst-port", "443"], &[10]),
        (&["--proto", "tcp", "--proto", "udp", "--src", "10.0.0.5"], &[0, 1, 2]),
        (&["--src-port", "23", "--dst-port", "23"], &[]),
        (&["--src", "10.0.0.5", "--src", "2001:db8::5", "--proto", "udp"], &[2, 3]),
    ])
}

fn rules_in_their_order() -> Result<()> {
    check_all(&[
        (&["--rule", "include"], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (&["--rule", "exclude"], &[]),
        (&["--rule", "exclude proto arp", "--rule", "include vni 7"], &[0, 1, 7, 8, 9, 10]),
        (&["--rule", "include proto tcp dst-port 23"], &[0]),
        (&["--rule", "include src-port 1000-2000"], &[2]),
        (&["--rule", "include icmp-type 8"], &[4]),
        (&["--rule", "include icmp-type 8/0"], &[4]),
        (&["--rule", "include icmp-type 8/1"], &[]),
        (&["--rule", "include icmp-type 128"], &[5]),
        (&["--rule", "include src 10.0.0.5/32 dst 10.0.1.0/24 proto tcp"], &[0, 1]),
        (&["--rule", "exclude src ::/0", "--rule", "include proto udp"], &[2]),
        (&["--vni", "7", "--rule", "include proto tcp"], &[0, 1, 10]),
    ])?;
    let net = Net::new()?;
    let args = ["--rule", "include proto tcp", "--rule", "exclude proto udp", "--rule", "include"];
    let capture = Capture::start(&net.target, &args)?;
    Sender::new(&net.tap)?.send_all(traffic().into_iter().map(|(outer, _)| outer))?;
    let ended = capture.stop()?;
    ended.check()?;
    let rules = ended.stats["rules"].as_array().cloned().unwrap_or_default();
    let counts: Vec<_> = rules.iter().filter_map(|rule| rule["packets"].as_u64()).collect();
    ensure!(counts == [3, 2, 6], "{rules:?}");
    ensure!(rules[0]["rule"] == "include proto tcp");
    Ok(())
}

/// As many values and rules as there may be still load, and the last of them counts.
fn many_values() -> Result<()> {
    let net = Net::new()?;
    let sender = Sender::new(&net.tap)?;
    let mut args = Vec::new();
    for number in 0..63 {
        args.extend(["--vni".to_owned(), (1000 + number).to_string()]);
        args.extend(["--src".to_owned(), format!("172.16.{number}.0/24")]);
        args.extend(["--dst-port".to_owned(), (3000 + number).to_string()]);
        args.extend(["--outer-src".to_owned(), format!("172.17.{number}.0/24")]);
    }
    for number in 0..127 {
        let rule = format!("exclude proto tcp src 10.1.{number}.0/24 dst-port {number}");
        args.extend(["--rule".to_owned(), rule]);
    }
    let last = ["--vni", "7", "--src", "10.0.0.5", "--dst-port", "23", "--outer-src", "10.0.1.2"];
    args.extend(last.map(str::to_owned));
    args.extend(["--rule".to_owned(), "include proto tcp dst-port 23".to_owned()]);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    check(&net, &sender, &args, &[0])
}

fn ports_of_fragments_are_unknown() -> Result<()> {
    let net = Net::new()?;
    let mut first = frames::udp((1000, 53), &[0; 64]);
    first[20] = 0x20;
    let mut later = first.clone();
    later[20..22].copy_from_slice(&[0, 8]);
    let capture = Capture::start(&net.target, &["--inner-port", "0-65535", "-w", "x.pcapng"])?;
    let sender = Sender::new(&net.tap)?;
    sender.send_all([mirrored(7, &first), mirrored(7, &later)])?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == 1 && packets[0].data == first, "{packets:?}");
    Ok(())
}
