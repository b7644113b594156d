//! What arrives is what was sent.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Capture, wait_until},
    file,
    frames::{self, assortment, mirrored, pattern},
    need::Need,
    net::Net,
    sender::Sender,
    wire::Wire,
};

crate::tests![
    every_protocol_byte_for_byte [],
    every_size_class_boundary [],
    generic_mode [],
    large_frames [],
    super_frames [Need::Veth, Need::Kernel(6, 2)],
    snap_length [],
    lines_like_tcpdump [],
    a_packet_is_shown_at_once [Need::Speed],
    stops_after_count [],
    capture_goes_on_after_a_pause [],
];

/// Sends `frames` to a capture that writes a file, and checks that `inner` is in it, in order.
pub fn check(net: &Net, args: &[&str], frames: &[Vec<u8>], inner: &[Vec<u8>]) -> Result<()> {
    let capture = Capture::start(&net.target, &[args, &["-w", "x.pcapng"]].concat())?;
    Sender::new(&net.tap)?.send_all(frames)?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    let data: Vec<_> = packets.iter().map(|packet| packet.data.clone()).collect();
    ensure!(data.len() == inner.len(), "{} of {}: {}", data.len(), inner.len(), ended.stats);
    for (number, (got, sent)) in data.iter().zip(inner).enumerate() {
        ensure!(got == sent, "packet {number} is {got:02x?}, was {sent:02x?}");
        ensure!(packets[number].wirelen as usize == sent.len(), "length of packet {number}");
    }
    ensure!(ended.count("written") == inner.len() as u64);
    let bytes: usize = inner.iter().map(Vec::len).sum();
    ensure!(ended.count("matched.bytes") == bytes as u64);
    ensure!(ended.count("delivered.bytes") == bytes as u64);
    Ok(())
}

fn every_protocol_byte_for_byte() -> Result<()> {
    let net = Net::new()?;
    let inner = assortment();
    let frames: Vec<_> = inner.iter().map(|inner| mirrored(7, inner)).collect();
    check(&net, &[], &frames, &inner)
}

fn every_size_class_boundary() -> Result<()> {
    let net = Net::new()?;
    let around = |size: usize| [size - 1, size, size + 1];
    let sizes = [64, 128, 192, 256, 384, 512, 768, 1024].into_iter().flat_map(around);
    let inner: Vec<_> = sizes
        .chain([14, 15, 1449, 1450])
        .map(|size| frames::ethernet(0x9999, &pattern(size as u32, size - 14)))
        .collect();
    let frames: Vec<_> = inner.iter().map(|inner| mirrored(1, inner)).collect();
    check(&net, &[], &frames, &inner)
}

fn generic_mode() -> Result<()> {
    let net = Net::new()?;
    let inner = assortment();
    let frames: Vec<_> = inner.iter().map(|inner| mirrored(7, inner)).collect();
    check(&net, &["--xdp-mode", "generic"], &frames, &inner)
}

/// Frames of exactly these sizes where they just fit, natively where the driver has fragments for
/// XDP.
fn large_frames() -> Result<()> {
    let wire = Wire::chosen()?;
    for size in [1500, 3600, 9000, wire.largest_frame()] {
        let udp = frames::udp((1, 2), &pattern(2, size - 42));
        let inner = [frames::ethernet(0x9999, &pattern(1, size - 14)), udp, frames::icmp(1, &[])];
        ensure!(inner[0].len() == size && inner[1].len() == size);
        let frames: Vec<_> = inner.iter().map(|inner| mirrored(7, inner)).collect();
        let mtu = u32::try_from(frames[0].len() - 14)?;
        let net = Net::with_mtu(mtu)?;
        for mode in ["auto", "generic"] {
            let capture = Capture::start(&net.target, &["-v", "--no-print", "--xdp-mode", mode])?;
            let announced = capture.announcement().to_owned();
            let told = capture.stop()?.stderr;
            let full = told.contains("or in fragments");
            ensure!(full != told.contains("in one piece only"), "{told}");
            let native = mode == "auto" && wire.is_native_at(mtu, full)?;
            let mode_told = if native { "(native XDP)" } else { "(generic XDP)" };
            ensure!(announced.contains(mode_told), "MTU {mtu}: {announced}");
            check(&net, &["--xdp-mode", mode], &frames, &inner)?;
        }
    }
    Ok(())
}

/// Of 64 kB and more, with length fields of zero (BIG TCP): the frame's own length decides. They
/// reach a program in generic mode, behind GRO; while a native one is attached, the kernel takes
/// the offload off the other end of the pair (`drivers/net/veth.c`, `veth_fix_features`).
fn super_frames() -> Result<()> {
    let net = Net::new()?;
    net.tap.run("ip link set tap0 gso_max_size 120000")?;
    let addresses = (frames::SERVER6, frames::CLIENT6);
    for (size, stated, fits) in [
        (9000, true, true),
        (64_000, true, true),
        (66_000, false, true),
        (98_000, false, true),
        (99_000, false, false),
    ] {
        let inner = frames::ethernet(0x9999, &pattern(size, size as usize));
        let payload = frames::vxlan(7, &inner);
        let (begin, rest) = payload.split_at(payload.len().min(65_000));
        let mut frame = frames::outer6(addresses, (1, frames::VXLAN), begin);
        if !stated {
            frame.extend(rest);
            frame[14 + 4..14 + 6].fill(0);
            frame[14 + 40 + 4..14 + 40 + 6].fill(0);
        }
        // To the kernel, what the test sends is several datagrams; vtap is not to know.
        let args = ["--xdp-mode", "generic", "-w", "x.pcapng"];
        let capture = Capture::start_without_btf(&net.target, &args)?;
        Sender::send_super_frame(&net.tap, &frame)?;
        let ended = capture.stop()?;
        ended.check()?;
        let packets = file::read(&ended.file("x.pcapng"))?;
        if fits {
            let whole = packets.len() == 1 && packets[0].data == inner;
            ensure!(whole, "{size} bytes: {}", ended.stats);
            ensure!(packets[0].wirelen as usize == inner.len());
        } else {
            ensure!(ended.count("lost.too_long") == 1, "{}", ended.stats);
        }
    }
    Ok(())
}

fn snap_length() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-s", "60", "-w", "x.pcapng"])?;
    let inner = assortment();
    Sender::new(&net.tap)?.send_all(inner.iter().map(|inner| mirrored(7, inner)))?;
    let ended = capture.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == inner.len());
    for (packet, inner) in packets.iter().zip(&inner) {
        ensure!(packet.data == inner[..inner.len().min(60)], "{packet:02x?}");
        ensure!(packet.wirelen as usize == inner.len());
    }
    Ok(())
}

fn lines_like_tcpdump() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &[])?;
    let sender = Sender::new(&net.tap)?;
    sender.send(&mirrored(7, &frames::icmp(1, &[0; 300])))?;
    sender.send(&mirrored(8, &frames::udp((1111, 53), &[0; 100])))?;
    let ended = capture.stop()?;
    ended.check()?;
    let lines: Vec<_> = ended.stdout.lines().collect();
    let [icmp, udp] = lines[..] else { anyhow::bail!("{lines:?}") };
    let (time, icmp) = icmp.split_at(15);
    let form: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    ensure!(form == "99:99:99.999999", "{time}");
    let expected = " vni 7 IP 10.0.0.5 > 10.0.1.2: ICMP echo request, id 1, seq 1, length 308";
    ensure!(icmp == expected, "{icmp}");
    let expected = " vni 8 IP 10.0.0.5.1111 > 10.0.1.2.53: UDP, length 100";
    ensure!(&udp[15..] == expected, "{udp}");
    Ok(())
}

fn a_packet_is_shown_at_once() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &[])?;
    let sender = Sender::new(&net.tap)?;
    for shown in 1..=5 {
        let sent = Instant::now();
        sender.send(&mirrored(7, &frames::icmp(shown, &[])))?;
        wait_until("a line", || Ok(capture.printed()?.lines().count() == usize::from(shown)))?;
        ensure!(sent.elapsed() < Duration::from_millis(50), "took {:?}", sent.elapsed());
    }
    capture.stop()?.check()
}

fn stops_after_count() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["-c", "3", "-w", "x.pcap", "--print"])?;
    let sender = Sender::new(&net.tap)?;
    sender.send_all((0..10).map(|seq| mirrored(7, &frames::icmp(seq, &[]))))?;
    let ended = capture.wait()?;
    ended.check()?;
    ensure!(ended.count("written") == 3);
    ensure!(ended.stdout.lines().count() == 3, "{}", ended.stdout);
    ensure!(file::read(&ended.file("x.pcap"))?.len() == 3);
    Ok(())
}

fn capture_goes_on_after_a_pause() -> Result<()> {
    let net = Net::new()?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    let sender = Sender::new(&net.tap)?;
    capture.signal(Signal::SIGSTOP)?;
    sender.send_all((0..100).map(|seq| mirrored(7, &frames::icmp(seq, &[]))))?;
    capture.signal(Signal::SIGCONT)?;
    sender.send_all((0..100).map(|seq| mirrored(7, &frames::icmp(seq, &[]))))?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 200);
    Ok(())
}
