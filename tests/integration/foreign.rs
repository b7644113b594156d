//! `-r` of files that other programs wrote: what tshark finds in one, vtap finds.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::{Compression, write::GzEncoder};
use vtap_tests::{
    capture::{Ended, reread, reread_in, wait_until},
    frames::{self, mirrored, outer6},
    net::{Net, TARGET_DEV},
    sender::Sender,
    written::{Form, Format},
};

crate::tests![
    layouts_of_pcap_records ["tshark"],
    blocks_without_packets [],
    link_types ["tshark"],
    other_link_types_are_told_of_once [],
    frame_check_sequences ["tshark"],
    times_beyond_64_bits ["tshark"],
    compressed_in_pieces [],
    what_tcpdump_wrote_on_any ["tcpdump"],
];

const BEGIN: u64 = 1_700_000_000_000_005_000;
const NG: Form = Form { format: Format::Pcapng, ..Form::USUAL };

/// Three mirrored frames.
fn three() -> Vec<Vec<u8>> {
    (0..3).map(|number| mirrored(7, &frames::udp((1000 + number, 53), &[1; 20]))).collect()
}

/// The times of what tshark takes for VXLAN, as it prints them.
fn by_tshark(path: &Path) -> Result<Vec<String>> {
    times(path, &["-Y", "vxlan"])
}

fn times(path: &Path, args: &[&str]) -> Result<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(path).args(args).args(["-T", "fields", "-e", "frame.time_epoch"]);
    let output = tshark.stderr(Stdio::null()).output()?;
    Ok(String::from_utf8(output.stdout)?.lines().map(ToOwned::to_owned).collect())
}

/// Checks that vtap finds in a file what tshark finds, which are so many packets.
fn same_as_tshark(name: &str, file: &[u8], count: usize) -> Result<Ended> {
    let ended = reread(file, &["-w", "x.pcapng"])?;
    let theirs = by_tshark(&ended.file("read"))?;
    ensure!(theirs.len() == count, "{name}: tshark finds {}", theirs.len());
    let ours = times(&ended.file("x.pcapng"), &[])?;
    ensure!(ours == theirs, "{name}: {ours:?}, and by tshark {theirs:?}: {}", ended.stderr);
    ended.check_accounts().with_context(|| name.to_owned())?;
    Ok(ended)
}

/// A pcap file, each of whose record headers has something at its end.
fn pcap(form: Form, magic: u32, version: (u16, u16), link: u32, more: &[u8]) -> Vec<u8> {
    let (major, minor) = version;
    let version = [form.u16(major), form.u16(minor)].concat();
    let rest = [0, 0, 262_144, link].map(|number| form.u32(number)).concat();
    let mut file = [form.u32(magic), version, rest].concat();
    for (second, frame) in (1_700_000_000..).zip(three()) {
        let len = frame.len() as u32;
        let header = [second, 5, len, len].map(|number| form.u32(number)).concat();
        file.extend([&header, more, &frame].concat());
    }
    file
}

fn layouts_of_pcap_records() -> Result<()> {
    const STANDARD: u32 = 0xa1b2_c3d4;
    const PATCHED: u32 = 0xa1b2_cd34;
    for big_endian in [false, true] {
        let form = Form { big_endian, ..Form::USUAL };
        let patched = [form.u32(2), form.u16(0x0800), vec![0, 0]].concat();
        let smp = [&patched[..], &[1, 2, 0, 0]].concat();
        let nokia = form.u32(0x9fbf_b601);
        for (name, magic, version, link, more) in [
            ("standard", STANDARD, (2, 4), 1, &[][..]),
            ("nanoseconds", 0xa1b2_3c4d, (2, 4), 1, &[]),
            ("patched in April 1999", STANDARD, (2, 4), 1, &patched),
            ("patched in September 1999", PATCHED, (2, 4), 1, &smp),
            ("patched in October 1999", PATCHED, (2, 4), 1, &patched),
            ("Nokia", STANDARD, (2, 4), 1, &nokia),
            ("another of Nokia", STANDARD, (2, 4), 1, &[0; 4]),
            ("AIX", STANDARD, (2, 2), 6, &[]),
            ("2.3", STANDARD, (2, 3), 1, &[]),
            ("DG/UX", STANDARD, (543, 0), 1, &[]),
        ] {
            let file = pcap(form, magic, version, link, more);
            let ended = same_as_tshark(name, &file, 3)?;
            ended.check().with_context(|| name.to_owned())?;
        }
        // Before version 2.3, the length on the wire came first.
        for minor in [2, 3] {
            let mut file = pcap(form, STANDARD, (2, minor), 1, &[]);
            file[24 + 8..24 + 12].copy_from_slice(&form.u32(2000));
            same_as_tshark("swapped lengths", &file, 3)?.check()?;
        }
    }
    Ok(())
}

/// However damaged they are.
fn blocks_without_packets() -> Result<()> {
    for big_endian in [false, true] {
        let form = Form { big_endian, ..NG };
        let frame = &three()[0];
        let record = |kind, len| [form.u16(kind), form.u16(len)].concat();
        let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| form.u32(*n)).collect();
        let large = vec![b'x'; 20 << 20];
        for (name, kind, body) in [
            (
                "names without an end",
                4,
                [record(1, 9), b"\x0a\0\0\x01h.ex\0\0\0\0".into()].concat(),
            ),
            ("names of more than there is", 4, record(1, 200)),
            ("no names", 4, vec![]),
            ("statistics cut short", 5, vec![0; 4]),
            ("an option cut short", 5, [numbers(&[0, 0, 0]), record(4, 8)].concat()),
            ("secrets", 10, [numbers(&[0x544c_534b, 20 << 20]), large.clone()].concat()),
            ("secrets of more than there is", 10, numbers(&[0x544c_534b, 0x7fff_ffff])),
            ("no secrets", 10, vec![]),
            ("a journal entry", 9, b"MESSAGE=hello\n\n\0".into()),
            ("a short journal entry", 9, b"systemd\n".into()),
            ("nobody's own", 0xbad, vec![]),
            ("somebody's own", 0x4000_0bad, [numbers(&[32_473]), vec![1; 4]].concat()),
            ("unknown", 0x8000_0001, b"xyz\0".into()),
            ("large", 0x7fff_0000, large),
        ] {
            let packet = form.packet(BEGIN, frame);
            let head = form.pcapng_head(1, &[]);
            let block = form.block(kind, &body);
            let file = [head, block.clone(), packet.clone(), block, packet].concat();
            let ended = reread(&file, &["--no-print"])?;
            ended.check().with_context(|| name.to_owned())?;
            ensure!(ended.count("delivered.packets") == 2, "{name}: {}", ended.stats);
            ensure!(ended.stderr.len() < 1000, "{name}: {}", ended.stderr);
        }
    }
    Ok(())
}

fn link_types() -> Result<()> {
    let inner = frames::udp((1000, 53), &[1; 20]);
    let vxlan = mirrored(7, &inner)[14 + 20 + 8..].to_vec();
    let ipv4 = mirrored(7, &inner)[14..].to_vec();
    let ipv6 = outer6(([1; 16], [2; 16]), (50_000, 4789), &vxlan)[14..].to_vec();
    let cooked = |kind: u16, protocol: u16, rest: &[u8]| {
        let (kind, protocol) = (kind.to_be_bytes(), protocol.to_be_bytes());
        let address = [0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        let first = [&[0, 0], &kind[..], &address, &protocol, rest].concat();
        let second = [&protocol[..], &[0, 0, 0, 0, 0, 3], &kind, &[0, 6], &address[2..], rest];
        [(113, first), (276, second.concat())]
    };
    let mut packets = Vec::new();
    for link in [12, 14, 101, 228] {
        packets.push((link, ipv4.clone()));
    }
    for link in [12, 14, 101, 229] {
        packets.push((link, ipv6.clone()));
    }
    for (family, packet) in [(2_u32, &ipv4), (24, &ipv6), (28, &ipv6), (30, &ipv6)] {
        packets.push((0, [&family.to_le_bytes()[..], packet].concat()));
        packets.push((0, [&family.to_be_bytes()[..], packet].concat()));
        packets.push((108, [&family.to_be_bytes()[..], packet].concat()));
    }
    let tagged = [&[0, 5, 0x08, 0x00][..], &ipv4].concat();
    let twice = [&[0, 5, 0x81, 0x00, 0, 6, 0x86, 0xdd][..], &ipv6].concat();
    for kind in [1, 772, 65_534] {
        packets.extend(cooked(kind, 0x0800, &ipv4));
        packets.extend(cooked(kind, 0x86dd, &ipv6));
        packets.extend(cooked(kind, 0x8100, &tagged));
        packets.extend(cooked(kind, 0x88a8, &twice));
    }
    packets.extend(cooked(1, 3, &mirrored(7, &inner)));
    let mut all = Vec::new();
    for (number, (link, packet)) in packets.iter().enumerate() {
        let time = BEGIN + 1_000_000 * number as u64;
        all.extend(NG.file_of_link(*link, &[(time, packet.clone())]));
        let form = Form { big_endian: number % 2 == 0, ..Form::USUAL };
        let file = form.file_of_link(*link, &[(time, packet.clone())]);
        let ended = reread(&file, &["-w", "x.pcapng"])?;
        ended.check()?;
        let written = vtap_tests::file::read(&ended.file("x.pcapng"))?;
        let [written] = &written[..] else { bail!("{link}: {packet:02x?}: {}", ended.stats) };
        ensure!(written.data == inner, "{link}: {:02x?}", written.data);
        // Whole, as the file has it.
        ensure!(ended.count("received.bytes") == packet.len() as u64, "{}", ended.stats);
    }
    same_as_tshark("all link types", &all, packets.len())?.check()?;
    // A netlink monitor's packets have other protocols, and a loopback's family has one order.
    let netlink = cooked(824, 0x0800, &ipv4).to_vec();
    let swapped = [(108, [&2_u32.to_le_bytes()[..], &ipv4].concat())];
    for (link, packet) in netlink.into_iter().chain(swapped) {
        let file = Form::USUAL.file_of_link(link, &[(BEGIN, packet)]);
        let ended = same_as_tshark("netlink", &file, 0)?;
        ensure!(ended.count("not_tunnel") == 1, "{}", ended.stats);
    }
    Ok(())
}

fn other_link_types_are_told_of_once() -> Result<()> {
    const BLUETOOTH: u16 = 187;
    const WIFI: u16 = 105;
    let frame = &three()[0];
    let other = |link| NG.file_of_link(link, &vec![(BEGIN, frame.clone()); 2]);
    let file = [NG.file(&[(BEGIN, frame.clone())]), other(BLUETOOTH), other(WIFI), other(1)];
    let ended = reread(&file.concat(), &["--no-print"])?;
    ended.check()?;
    ensure!(ended.count("delivered.packets") == 3, "{}", ended.stats);
    ensure!(ended.count("received.packets") == 7, "{}", ended.stats);
    ensure!(ended.count("not_tunnel") == 4, "{}", ended.stats);
    let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("link type")).collect();
    ensure!(lines.len() == 1, "{}", ended.stderr);
    for words in ["4 packets", "(187, 105)", "not tunnel", "Linux cooked (113)"] {
        ensure!(lines[0].contains(words), "no `{words}` in {}", lines[0]);
    }
    Ok(())
}

/// The bytes that they are said to be are no bytes of the frame.
fn frame_check_sequences() -> Result<()> {
    let frame = &three()[0];
    let longer = [&frame[..], &[0xde, 0xad, 0xbe, 0xef]].concat();
    let mut pcap = Form::USUAL.file(&[(BEGIN, longer.clone())]);
    pcap[20..24].copy_from_slice(&Form::USUAL.u32(0x2400_0001));
    let bits = [NG.pcapng_head(1, &[(13, vec![32])]), NG.packet(BEGIN, &longer)].concat();
    let flags = [vec![2, 0, 4, 0], NG.u32(4 << 5), vec![0; 4]].concat();
    let fields: Vec<u8> = [0, ((BEGIN / 1000) >> 32) as u32, (BEGIN / 1000) as u32]
        .into_iter()
        .chain([longer.len() as u32; 2])
        .flat_map(|number| NG.u32(number))
        .collect();
    let padding = vec![0; longer.len().next_multiple_of(4) - longer.len()];
    let flagged = NG.block(6, &[fields, longer.clone(), padding, flags].concat());
    let flags = [NG.pcapng_head(1, &[]), flagged].concat();
    for (name, file) in [("pcap", pcap), ("if_fcslen", bits), ("epb_flags", flags)] {
        let ended = same_as_tshark(name, &file, 1)?;
        ended.check()?;
        ensure!(ended.count("received.bytes") == frame.len() as u64, "{name}: {}", ended.stats);
    }
    Ok(())
}

/// Before 1970 and after 2554.
fn times_beyond_64_bits() -> Result<()> {
    let frame = &three()[0];
    for (offset, ticks, time) in [
        (-100_i64, 100_000_005_u64, "0.000005000"),
        (-1_000_000_000_000, 5, ""),
        (0, 1 << 62, "4611686018427.387904000"),
        (1 << 40, 7, "1099511627776.000007000"),
    ] {
        let ended = reread(&counted(frame, ticks, offset), &["-w", "x.pcapng"])?;
        ended.check()?;
        let ours = times(&ended.file("x.pcapng"), &[])?;
        let theirs = by_tshark(&ended.file("read"))?;
        ensure!(ours == theirs, "{offset}: {ours:?}, and by tshark {theirs:?}");
        ensure!(time.is_empty() || ours == [time], "{ours:?} instead of {time}");
    }
    Ok(())
}

/// A file with a packet at so many microseconds, from so many seconds after 1970 on.
fn counted(frame: &[u8], micros: u64, offset: i64) -> Vec<u8> {
    let len = frame.len() as u32;
    let fields = [0, (micros >> 32) as u32, micros as u32, len, len].map(|number| NG.u32(number));
    let head = NG.pcapng_head(1, &[(14, offset.to_le_bytes().to_vec())]);
    [head, NG.block(6, &[fields.concat(), frame.to_vec()].concat())].concat()
}

/// gzip of many members, zstd of many frames; by what they hold, not by their names.
fn compressed_in_pieces() -> Result<()> {
    let frames: Vec<_> = three().into_iter().map(|frame| (BEGIN, frame)).collect();
    let gzip = |bytes: &[u8]| -> Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes)?;
        Ok(encoder.finish()?)
    };
    let zstd = |bytes: &[u8]| -> Result<Vec<u8>> {
        // With a frame that is skipped, as pzstd writes them.
        let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &[4, 0, 0, 0], b"skip"].concat();
        Ok([skipped, zstd::encode_all(bytes, 0)?].concat())
    };
    for form in [Form::USUAL, NG] {
        let plain = form.file(&frames);
        let (first, second) = plain.split_at(plain.len() / 2);
        for (name, file) in [
            ("gzip", gzip(&plain)?),
            ("members", [gzip(first)?, gzip(second)?, vec![0; 512]].concat()),
            ("zstd", zstd(&plain)?),
            ("frames", [zstd(first)?, zstd(second)?].concat()),
        ] {
            for source in ["read", "-"] {
                let dir = tempfile::tempdir()?;
                fs::write(dir.path().join("read"), &file)?;
                let ended = reread_in(dir, &["-r", source], &["--no-print"])?;
                ended.check().with_context(|| name.to_owned())?;
                ensure!(ended.count("delivered.packets") == 3, "{name}: {}", ended.stats);
            }
            // Cut, it gives what is before the cut, and an error.
            let cut = reread(&file[..file.len() - if name == "members" { 520 } else { 5 }], &[])?;
            ensure!(cut.status.code() == Some(1), "{name}: {}", cut.stderr);
            ensure!(cut.stderr.contains("cut off"), "{name}: {}", cut.stderr);
        }
    }
    Ok(())
}

fn what_tcpdump_wrote_on_any() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    let (file, log) = (dir.path().join("read"), dir.path().join("log"));
    let mut tcpdump = net.target.command("tcpdump");
    tcpdump.args(["-Z", "root", "-U", "--immediate-mode", "-i", "any", "-w"]).arg(&file);
    let mut tcpdump = tcpdump.stderr(fs::File::create(&log)?).spawn()?;
    wait_until("tcpdump", || Ok(fs::read_to_string(&log)?.contains("listening on")))?;
    Sender::new(&net.tap)?.send_all(three())?;
    wait_until("three packets", || {
        let dir = tempfile::tempdir()?;
        fs::copy(&file, dir.path().join("read"))?;
        let ended = reread_in(dir, &["-r", "read"], &["--no-print"])?;
        Ok(ended.stats.is_object() && ended.count("delivered.packets") == 3)
    })?;
    ensure!(Command::new("kill").args(["-INT", &tcpdump.id().to_string()]).status()?.success());
    tcpdump.wait()?;
    let ended = reread_in(dir, &["-r", "read"], &[])?;
    ended.check()?;
    ensure!(ended.stdout.lines().count() == 3, "{TARGET_DEV}: {}", ended.stdout);
    ensure!(ended.stdout.lines().all(|line| line.contains(" vni 7 IP ")), "{}", ended.stdout);
    Ok(())
}
