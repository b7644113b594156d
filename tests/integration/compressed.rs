//! Compressed recordings, read by the tools that people have.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use vtap_tests::{
    capture::{binary, reread, wait_until},
    file,
    frames::{self, mirrored},
    written::Form,
};

crate::tests![
    many_megabytes_are_read_by_all ["tshark", "zstd", "gzip"],
    sigkill_costs_nothing_that_was_flushed ["tshark"],
    sigkill_in_the_midst_costs_little ["tshark", "zstd", "gzip"],
    a_trickle_is_compressed_as_well ["zstd", "gzip"],
];

/// Each method, by the end of a file's name and its tool.
const METHODS: [(&str, &str); 2] = [("zst", "zstd"), ("gz", "gzip")];

/// A packet that hardly compresses, with its number.
fn packet(number: u32) -> Vec<u8> {
    frames::udp((1000, 9999), &[&number.to_be_bytes()[..], &frames::pattern(number, 996)].concat())
}

fn recording(packets: u32) -> Vec<u8> {
    let packets: Vec<_> = (0..packets).map(|n| (n.into(), mirrored(7, &packet(n)))).collect();
    Form::USUAL.file(&packets)
}

/// What tshark makes of a file, which may end within a packet.
fn by_tshark(path: &Path, dir: &Path) -> Result<Vec<file::Packet>> {
    let plain = dir.join("by-tshark.pcap");
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(path).args(["-F", "nsecpcap", "-w"]).arg(&plain);
    ensure!(tshark.stderr(Stdio::null()).status()?.code().is_some());
    file::read(&plain)
}

fn check_packets(packets: &[file::Packet]) -> Result<()> {
    for (number, found) in (0..).zip(packets) {
        ensure!(found.data == packet(number), "packet {number}");
    }
    Ok(())
}

fn many_megabytes_are_read_by_all() -> Result<()> {
    const PACKETS: u32 = 12_000;
    let read = recording(PACKETS);
    let plain = reread(&read, &["-w", "x.pcapng"])?;
    let plain = fs::read(plain.file("x.pcapng"))?;
    for (ending, tool) in METHODS {
        let name = format!("x.pcapng.{ending}");
        let ended = reread(&read, &["-w", &name])?;
        ended.check()?;
        let path = ended.file(&name);
        ensure!(Command::new(tool).arg("-tq").arg(&path).status()?.success(), "{name}");
        let unpacked = Command::new(tool).arg("-dc").arg(&path).output()?.stdout;
        ensure!(unpacked == plain, "{name}");
        let seen = by_tshark(&path, ended.dir.path())?;
        ensure!(seen.len() == PACKETS as usize, "{name}: tshark reads {}", seen.len());
        check_packets(&seen)?;
    }
    Ok(())
}

/// A process that reads a capture from its standard input.
struct Reader(Child);

impl Reader {
    fn start(dir: &Path, name: &str) -> Result<Self> {
        let mut vtap = Command::new(binary());
        vtap.args(["capture", "-r", "-", "-w", name]).current_dir(dir);
        Ok(Self(vtap.stdin(Stdio::piped()).stderr(Stdio::null()).spawn()?))
    }

    fn give(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.stdin.as_mut().context("no pipe")?.write_all(bytes)?)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sigkill_costs_nothing_that_was_flushed() -> Result<()> {
    const PACKETS: u32 = 3000;
    for (ending, _) in METHODS {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(format!("x.pcapng.{ending}"));
        let mut vtap = Reader::start(dir.path(), &path.display().to_string())?;
        vtap.give(&recording(PACKETS))?;
        let whole = || file::read(&path).map_or(0, |packets| packets.len());
        wait_until("all packets", || Ok(whole() == PACKETS as usize))?;
        drop(vtap);
        let seen = by_tshark(&path, dir.path())?;
        ensure!(seen.len() == PACKETS as usize, "{ending}: tshark reads {}", seen.len());
        check_packets(&seen)?;
    }
    Ok(())
}

/// Whenever it comes, what a reader gets ends with the last flush at least, and is right.
fn sigkill_in_the_midst_costs_little() -> Result<()> {
    let read = recording(8000);
    for (ending, tool) in METHODS {
        for round in 0..4 {
            let dir = tempfile::tempdir()?;
            let path = dir.path().join(format!("x.pcapng.{ending}"));
            let mut vtap = Reader::start(dir.path(), &path.display().to_string())?;
            let size = || fs::metadata(&path).map_or(0, |found| found.len());
            let (first, rest) = read.split_at(5 << 20);
            vtap.give(first)?;
            wait_until("some megabytes", || Ok(size() > 3 << 20))?;
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    sleep(Duration::from_millis(7 * round));
                    let _ = nix::sys::signal::kill(
                        nix::unistd::Pid::from_raw(vtap.0.id().cast_signed()),
                        nix::sys::signal::Signal::SIGKILL,
                    );
                });
            });
            // The pipe may be closed by now.
            let _ = vtap.give(rest);
            drop(vtap);
            let unpacked = Command::new(tool).arg("-dcq").arg(&path).output()?.stdout.len();
            let seen = by_tshark(&path, dir.path())?;
            check_packets(&seen)?;
            let packet = packet(0).len() + 34;
            ensure!(
                seen.len() >= unpacked / packet - 1 && seen.len() > 3000,
                "{ending}: tshark reads {} packets of {unpacked} bytes",
                seen.len()
            );
        }
    }
    Ok(())
}

/// Packets that come one by one share what they have in common, and none waits for long.
fn a_trickle_is_compressed_as_well() -> Result<()> {
    let inner =
        |number: u32| frames::tcp((40_000, 443), &[&number.to_be_bytes()[..], &[0; 96]].concat());
    let frames: Vec<_> = (0..1000).map(|number| (0, mirrored(7, &inner(number)))).collect();
    let read = Form::USUAL.file(&frames);
    for (ending, _) in METHODS {
        let name = format!("x.pcapng.{ending}");
        let at_once = fs::metadata(reread(&read, &["-w", &name])?.file(&name))?.len();
        let dir = tempfile::tempdir()?;
        let mut vtap = Reader::start(dir.path(), &name)?;
        let (header, packets) = read.split_at(24);
        vtap.give(header)?;
        for packet in packets.chunks(packets.len() / 1000) {
            vtap.give(packet)?;
            sleep(Duration::from_millis(2));
        }
        let path = dir.path().join(&name);
        let all = || file::read(&path).is_ok_and(|packets| packets.len() == 1000);
        wait_until("all packets", || Ok(all()))?;
        let trickled = fs::metadata(&path)?.len();
        ensure!(trickled < at_once * 3 / 2, "{ending}: {trickled} bytes, at once {at_once}");
    }
    Ok(())
}
