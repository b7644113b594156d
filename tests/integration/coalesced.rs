//! Frames into which a kernel had put several datagrams: each of them is a packet.

use anyhow::{Context as _, Result, ensure};
use vtap_tests::{
    capture::{Capture, Ended, binary, reread, wait_until},
    file,
    frames::{self, mirrored, pattern, vxlan},
    need::Need,
    net::{Net, TARGET_DEV},
    segments::{self, MOST},
    sender::Sender,
    tun::Tun,
    written::Form,
};

/// Older kernels take apart what is sent by `UDP_SEGMENT` before a veth pair gets it
/// (`NETIF_F_GSO_SOFTWARE` in `include/linux/netdev_features.h`).
const SEGMENTS_STAY: Need = Need::Kernel(5, 11);

crate::tests![
    every_number_of_datagrams [Need::Veth, SEGMENTS_STAY],
    other_lengths_than_the_packets [Need::Veth, SEGMENTS_STAY],
    rules_take_some_of_them [Need::Veth, SEGMENTS_STAY],
    snap_length_cuts_each [Need::Veth, SEGMENTS_STAY],
    count_is_of_packets [Need::Veth, SEGMENTS_STAY],
    damaged_datagrams_among_others [Need::Veth, SEGMENTS_STAY],
    without_room_all_are_lost [Need::Veth, SEGMENTS_STAY],
    without_type_information [Need::Veth, SEGMENTS_STAY, Need::Program("unshare")],
    merged_below_a_bridge [Need::Veth, Need::Bridges, Need::Program("ethtool"), Need::Kernel(5, 13)],
    from_a_tap_device [Need::Kernel(6, 2)],
    tshark_finds_them [Need::Veth, SEGMENTS_STAY, Need::Program("tshark")],
    lengths_are_known_in_generic_mode [Need::KernelTypes],
    from_a_file [],
    from_a_file_that_cuts_packets [],
    from_a_file_with_padding [],
    trailers_are_no_datagrams [],
    what_is_uncertain_is_not_shown [],
];

/// `BR_STATE_FORWARDING`.
const FORWARDING: &str = "3";
const GENERIC: [&str; 4] = ["--xdp-mode", "generic", "-w", "x.pcapng"];

/// Inner packets, all of `len` bytes, but the last, which is shorter if there are others.
fn packets(count: usize, len: usize) -> Vec<Vec<u8>> {
    let packet = |number: usize| {
        let short = count > 1 && number + 1 == count;
        let payload = if short { len - 42 - 7 } else { len - 42 };
        frames::udp((1000, number as u16), &pattern(number as u32, payload))
    };
    (0..count).map(packet).collect()
}

/// Their datagrams' payloads, one after the other.
fn payload(inner: &[Vec<u8>]) -> Vec<u8> {
    inner.iter().flat_map(|inner| vxlan(7, inner)).collect()
}

/// A frame that holds them.
fn coalesced(payload: &[u8]) -> Vec<u8> {
    frames::outer(([10, 0, 1, 2], [10, 9, 0, 2]), (49_152, frames::VXLAN), payload)
}

/// Checks that these packets were written, whole.
fn check(ended: &Ended, inner: &[Vec<u8>]) -> Result<()> {
    ended.check()?;
    let written = file::read(&ended.file("x.pcapng"))?;
    ensure!(written.len() == inner.len(), "{} packets: {}", written.len(), ended.stats);
    for (number, (packet, inner)) in written.iter().zip(inner).enumerate() {
        ensure!(packet.data == *inner, "packet {number}: {packet:02x?}");
        ensure!(packet.wirelen as usize == inner.len(), "packet {number}: {}", packet.wirelen);
    }
    Ok(())
}

/// Frames from the wire that are none of the tests' own, such as ARP, are not tunnel.
fn frames_of_the_tunnel(ended: &Ended) -> u64 {
    ended.count("received.packets") - ended.count("not_tunnel")
}

fn every_number_of_datagrams() -> Result<()> {
    let net = Net::new()?;
    segments::give_ipv6(&net)?;
    for ipv6 in [false, true] {
        for (count, len) in [(1, 100), (2, 60), (2, 1400), (5, 342), (20, 100), (60, 900)] {
            let inner = packets(count, len);
            let capture = Capture::start(&net.target, &GENERIC)?;
            segments::send(&net, ipv6, 8 + len, &payload(&inner))?;
            let ended = capture.stop()?;
            let which = || format!("{count} of {len} bytes, IPv6: {ipv6}");
            check(&ended, &inner).with_context(which)?;
            ensure!(ended.count("coalesced") == count as u64 - 1, "{}: {}", which(), ended.stats);
            ensure!(frames_of_the_tunnel(&ended) == 1, "{}: {}", which(), ended.stats);
        }
    }
    Ok(())
}

/// The kernel says how long each datagram is: what is in it need not fill it, nor be understood.
fn other_lengths_than_the_packets() -> Result<()> {
    let net = Net::new()?;
    let cut = |number: u32| frames::udp((1, 2), &pattern(number, 1000))[..64].to_vec();
    let unknown = |number: u32| frames::ethernet(0x9999, &pattern(number, 50));
    let trailer = |number: u32| [frames::udp((1, 2), &[]), pattern(number, 22)].concat();
    for (packet, wirelen) in
        [(&cut as &dyn Fn(u32) -> Vec<u8>, 1042), (&unknown, 64), (&trailer, 64)]
    {
        let inner: Vec<_> = (0..10).map(packet).collect();
        let capture = Capture::start(&net.target, &GENERIC)?;
        segments::send(&net, false, 8 + 64, &payload(&inner))?;
        let ended = capture.stop()?;
        ended.check()?;
        let written = file::read(&ended.file("x.pcapng"))?;
        ensure!(written.iter().map(|packet| &packet.data).eq(&inner), "{}", ended.stats);
        ensure!(written.iter().all(|packet| packet.wirelen == wirelen), "{written:?}");
    }
    Ok(())
}

/// A native program sees merged frames here, and nothing tells it so.
fn from_a_tap_device() -> Result<()> {
    let net = Net::new()?;
    let tap = Tun::merging(&net.target, "tap7")?;
    let options = ["--xdp-mode", "native", "-w", "x.pcapng"];
    let capture = Capture::start_at(&net.target, "tap7", &options)?;
    let inner = packets(5, 342);
    tap.send_merged(&coalesced(&payload(&inner)), 350)?;
    tap.send_merged(&coalesced(&payload(&inner[..2])), 350)?;
    let ended = capture.stop()?;
    check(&ended, &[&inner[..], &inner[..2]].concat())?;
    ensure!(ended.count("coalesced") == 5, "{}", ended.stats);
    Ok(())
}

fn rules_take_some_of_them() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(10, 200);
    let rules = ["--rule", "exclude dst-port 3-4", "--rule", "include dst-port 0-7"];
    let capture = Capture::start(&net.target, &[&GENERIC[..], &rules].concat())?;
    segments::send(&net, false, 208, &payload(&inner))?;
    let ended = capture.stop()?;
    check(&ended, &[&inner[..3], &inner[5..8]].concat())?;
    let rules: Vec<_> = (0..2).map(|rule| ended.stats["rules"][rule]["packets"].clone()).collect();
    ensure!(rules == [2, 6], "{}", ended.stats);
    ensure!(ended.count("tunnel") == 10 && ended.count("filtered") == 4, "{}", ended.stats);
    Ok(())
}

fn snap_length_cuts_each() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(5, 300);
    let capture = Capture::start(&net.target, &[&GENERIC[..], &["-s", "60"]].concat())?;
    segments::send(&net, false, 308, &payload(&inner))?;
    let ended = capture.stop()?;
    ended.check()?;
    let written = file::read(&ended.file("x.pcapng"))?;
    ensure!(
        written.iter().map(|packet| &packet.data[..]).eq(inner.iter().map(|inner| &inner[..60]))
    );
    let lens = inner.iter().map(|inner| inner.len() as u32);
    ensure!(written.iter().map(|packet| packet.wirelen).eq(lens), "{written:?}");
    Ok(())
}

fn count_is_of_packets() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(5, 300);
    let capture = Capture::start(&net.target, &[&GENERIC[..], &["-c", "3"]].concat())?;
    segments::send(&net, false, 308, &payload(&inner))?;
    let ended = capture.wait()?;
    ended.check()?;
    let written = file::read(&ended.file("x.pcapng"))?;
    ensure!(written.iter().map(|packet| &packet.data).eq(&inner[..3]), "{}", ended.stats);
    ensure!(ended.count("written") == 3, "{}", ended.stats);
    Ok(())
}

/// Each datagram is judged on its own.
fn damaged_datagrams_among_others() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(6, 100);
    let mut payload = payload(&inner);
    for datagram in [0, 3] {
        // The I flag.
        payload[datagram * 108] = 0;
    }
    let capture = Capture::start(&net.target, &GENERIC)?;
    segments::send(&net, false, 108, &payload)?;
    let ended = capture.stop()?;
    check(&ended, &[&inner[1..3], &inner[4..]].concat())?;
    ensure!(ended.count("malformed.vxlan_flags") == 2, "{}", ended.stats);
    ensure!(ended.count("coalesced") == 5, "{}", ended.stats);
    Ok(())
}

/// A frame that the ring has no room for was as many packets.
fn without_room_all_are_lost() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(MOST, 900);
    let capture = Capture::start(&net.target, &[&GENERIC[..], &["--ring-size", "4096"]].concat())?;
    segments::send(&net, false, 908, &payload(&inner))?;
    let ended = capture.stop()?;
    check(&ended, &[])?;
    ensure!(ended.count("lost.ring_full") == MOST as u64, "{}", ended.stats);
    ensure!(ended.count("coalesced") == MOST as u64 - 1, "{}", ended.stats);
    Ok(())
}

/// Where the kernel does not tell how long datagrams are, frames are divided if that is certain.
fn without_type_information() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(5, 300);
    let capture = Capture::start_without_btf(&net.target, &GENERIC)?;
    segments::send(&net, false, 308, &payload(&inner))?;
    let ended = capture.stop()?;
    check(&ended, &inner)?;
    ensure!(ended.count("coalesced") == 4, "{}", ended.stats);
    // Each with a trailer of its own.
    let trailers: Vec<_> = inner.iter().map(|packet| [&packet[..], &[1; 8]].concat()).collect();
    let capture = Capture::start_without_btf(&net.target, &GENERIC)?;
    segments::send(&net, false, 316, &payload(&trailers))?;
    Sender::new(&net.tap)?.send(&mirrored(7, &frames::arp()))?;
    let ended = capture.stop()?;
    check(&ended, &[frames::arp()])?;
    ensure!(ended.count("malformed.coalesced") == 1, "{}", ended.stats);
    ensure!(ended.stderr.contains("ethtool -K ens3 gro off"), "{}", ended.stderr);
    Ok(())
}

/// Datagrams that were sent one by one, and that the receiver's GRO puts together below a bridge. On
/// the interface that has the program, the kernel merges nothing (`netif_elide_gro`).
fn merged_below_a_bridge() -> Result<()> {
    let net = Net::new()?;
    for command in [
        "ip link set ens3 down",
        "ip link set ens3 name port0",
        "ethtool -K port0 gro on rx-udp-gro-forwarding on",
        "ip link add ens3 type bridge",
        "ip link set port0 master ens3",
        "ip link set port0 up",
        "ip link set ens3 up",
    ] {
        net.target.run(command)?;
    }
    // What came is kept for so many nanoseconds, for what may come.
    let wait = "echo 20000000 > /sys/class/net/port0/gro_flush_timeout";
    let set = net.target.command("sh").args(["-c", wait]).status()?;
    ensure!(set.success(), "cannot set gro_flush_timeout");
    // The kernel looks at carriers now and then, and lets a port work only when it has one.
    wait_until("the bridge to forward", || {
        let state = net.target.output("cat /sys/class/net/port0/brport/state")?;
        Ok(state.trim() == FORWARDING)
    })?;
    let inner = packets(40, 300);
    let capture = Capture::start(&net.target, &[&GENERIC[..], &["--print"]].concat())?;
    Sender::new(&net.tap)?.send_all(inner.iter().map(|inner| mirrored(7, inner)))?;
    wait_until("all lines", || Ok(capture.printed()?.lines().count() == inner.len()))?;
    let ended = capture.stop()?;
    check(&ended, &inner)?;
    ensure!(ended.count("coalesced") > 0, "the kernel has merged nothing: {}", ended.stats);
    Ok(())
}

fn tshark_finds_them() -> Result<()> {
    let net = Net::new()?;
    let inner = packets(5, 300);
    let capture = Capture::start(&net.target, &GENERIC)?;
    segments::send(&net, false, 308, &payload(&inner))?;
    let ended = capture.stop()?;
    ended.check()?;
    let file = ended.file("x.pcapng");
    let mut tshark = std::process::Command::new("tshark");
    tshark.args(["-T", "fields", "-e", "udp.dstport", "-e", "frame.len", "-r"]).arg(file);
    let found = String::from_utf8(tshark.output()?.stdout)?;
    ensure!(found == "0\t300\n1\t300\n2\t300\n3\t300\n4\t293\n", "{found}");
    Ok(())
}

/// The fields that tell it are found in every kernel that has type information. Where they are not,
/// only the log says so.
fn lengths_are_known_in_generic_mode() -> Result<()> {
    let net = Net::new()?;
    let mut command = net.target.command(&binary().display().to_string());
    command.env("RUST_LOG", "info").args(["capture", "-i", TARGET_DEV]).args(GENERIC);
    let ended = Capture::launch(command)?.stop()?;
    ended.check()?;
    ensure!(!ended.stderr.contains("is not known"), "{}", ended.stderr);
    Ok(())
}

/// Reads a file that holds this frame.
fn read(frame: Vec<u8>) -> Result<Ended> {
    reread(&Form::USUAL.file(&[(0, frame)]), &["-w", "x.pcapng"])
}

fn from_a_file() -> Result<()> {
    for (count, len) in [(1, 100), (2, 60), (2, 1400), (20, 100), (60, 900)] {
        let inner = packets(count, len);
        let ended = read(coalesced(&payload(&inner)))?;
        check(&ended, &inner).with_context(|| format!("{count} of {len} bytes"))?;
        ensure!(ended.count("coalesced") == count as u64 - 1, "{}", ended.stats);
        ensure!(ended.count("received.packets") == 1, "{}", ended.stats);
    }
    // Of other protocols, as long as their headers tell a length.
    let kinds = [
        frames::icmp(1, &pattern(1, 58)),
        frames::tcp6((1, 2), &pattern(2, 26)),
        frames::udp6((1, 2), &[1; 38]),
    ];
    ensure!(kinds.iter().all(|packet| packet.len() == 100), "they are not of one length");
    let ended = read(coalesced(&payload(&kinds)))?;
    check(&ended, &kinds)?;
    // And without a link header (VXLAN-GPE).
    let bare: Vec<_> = packets(3, 100).iter().map(|packet| packet[14..].to_vec()).collect();
    let gpe = |packet: &Vec<u8>| [&[0x0c, 0, 0, 1, 0, 0, 7, 0][..], packet].concat();
    let gpe = frames::outer(
        ([10, 0, 1, 2], [10, 9, 0, 2]),
        (49_152, 4790),
        &bare.iter().flat_map(gpe).collect::<Vec<_>>(),
    );
    let ended = reread(&Form::USUAL.file(&[(0, gpe)]), &["--port", "4790", "-w", "x.pcapng"])?;
    check(&ended, &bare)
}

/// What the file has of each packet is shown; what it has nothing of, is not.
fn from_a_file_that_cuts_packets() -> Result<()> {
    let inner = packets(5, 300);
    let whole = coalesced(&payload(&inner));
    let starts = 42 + 8;
    // Within the third packet.
    let ended = read(whole[..starts + 2 * 308 + 100].to_vec())?;
    ended.check()?;
    let written = file::read(&ended.file("x.pcapng"))?;
    let expected = [&inner[0][..], &inner[1], &inner[2][..100]];
    ensure!(written.iter().map(|packet| &packet.data[..]).eq(expected), "{}", ended.stats);
    ensure!(written.iter().all(|packet| packet.wirelen == 300), "{written:?}");
    ensure!(ended.count("coalesced") == 4 && ended.count("malformed.vxlan_header") == 2);
    // Nothing is there of a second one: the first is shown with its own length.
    for len in [starts + 100, starts + 300, starts + 310] {
        let ended = read(whole[..len].to_vec())?;
        ended.check()?;
        let written = file::read(&ended.file("x.pcapng"))?;
        let [packet] = &written[..] else { anyhow::bail!("{}", ended.stats) };
        ensure!(packet.data == inner[0][..300.min(len - starts)] && packet.wirelen == 300);
    }
    Ok(())
}

/// Ethernet frames have 60 bytes at least, whatever is in them.
fn from_a_file_with_padding() -> Result<()> {
    let padded = |packet: Vec<u8>| [&packet[..], &vec![0; 60 - packet.len()]].concat();
    let inner = [
        padded(frames::udp((1, 2), b"short")),
        padded(frames::arp()),
        padded(frames::tcp((1, 2), &[])),
        frames::udp((1, 2), &[1; 18]),
    ];
    for first in 0..inner.len() {
        let mut inner = inner.clone();
        inner.rotate_left(first);
        let ended = read(coalesced(&payload(&inner)))?;
        check(&ended, &inner)?;
        ensure!(ended.count("coalesced") == 3, "{}", ended.stats);
    }
    Ok(())
}

fn trailers_are_no_datagrams() -> Result<()> {
    for trailer in [&[8; 8][..], &[0x08; 40], &[0; 18], &pattern(1, 64)] {
        let packet = [&frames::udp((1, 2), b"payload"), trailer].concat();
        for frame in
            [mirrored(7, &packet), mirrored(7, &[frames::arp(), trailer.to_vec()].concat())]
        {
            let ended = read(frame.clone())?;
            check(&ended, &[frame[50..].to_vec()])?;
            ensure!(ended.count("coalesced") == 0, "{}", ended.stats);
        }
    }
    Ok(())
}

/// A packet is never shown with others as its tail. Which offload makes such frames is told.
fn what_is_uncertain_is_not_shown() -> Result<()> {
    let inner = packets(3, 100);
    // Each with a trailer of its own.
    let trailers: Vec<_> = inner.iter().map(|packet| [&packet[..], &[1; 8]].concat()).collect();
    // The last is not what it should be.
    let mut broken = payload(&inner);
    broken[2 * 108] = 0;
    // A datagram that is longer than those before it.
    let mut longer = inner.clone();
    longer[2] = frames::udp((1, 2), &[0; 100]);
    for payload in [payload(&trailers), broken, payload(&longer)] {
        let ended = read(coalesced(&payload))?;
        check(&ended, &[])?;
        ensure!(ended.count("malformed.coalesced") == 1, "{}", ended.stats);
        ensure!(ended.count("coalesced") == 0, "{}", ended.stats);
        for words in ["ethtool -K", "gro off", "tx-udp-segmentation off"] {
            ensure!(ended.stderr.contains(words), "no `{words}`: {}", ended.stderr);
        }
    }
    Ok(())
}
