//! Files that vtap writes: who may read them, what disturbs them, and what may not share a file.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Output},
};

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::{Capture, binary, reread, wait_until},
    file,
    frames::{self, mirrored},
    net::{Net, TARGET_DEV},
    sender::Sender,
    written::Form,
};

crate::tests![
    files_are_private [],
    the_limit_for_files_is_met [],
    the_limit_for_files_is_met_by_the_counters [],
    a_file_is_disturbed_while_it_is_written [],
    a_link_to_nothing_is_followed [],
    outputs_that_collide_are_refused [],
    outputs_that_do_not_harm_each_other_are_not_refused [],
    two_recordings_of_one_name [],
    a_failed_start_leaves_no_file [],
    standard_output_is_closed [],
];

/// A shell in a directory with a capture file `read`; `VTAP` in its script is the program.
fn shell(dir: &Path, script: &str) -> Result<Output> {
    let script = script.replace("VTAP", &format!("{} capture", binary().display()));
    Ok(Command::new("sh").args(["-c", &script]).current_dir(dir).output()?)
}

fn packet(number: u32) -> Vec<u8> {
    frames::udp((1, 2), &frames::pattern(number, 1001))
}

/// Writes a capture file of so many packets.
fn write_read(dir: &Path, packets: u32) -> Result<Vec<u8>> {
    let packets: Vec<_> = (0..packets).map(|n| (0, mirrored(7, &packet(n)))).collect();
    let file = Form::USUAL.file(&packets);
    fs::write(dir.join("read"), &file)?;
    Ok(file)
}

fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o7777)
}

/// Names in a directory, in order.
fn names(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn files_are_private() -> Result<()> {
    for name in ["x.pcapng", "x.pcap.zst", "x.pcap.gz"] {
        for (umask, before, after) in [
            ("000", None, 0o640),
            ("022", None, 0o640),
            ("077", None, 0o600),
            ("022", Some(0o644), 0o640),
            ("022", Some(0o600), 0o600),
        ] {
            let dir = tempfile::tempdir()?;
            write_read(dir.path(), 1)?;
            let files = [name, "s.json"].map(|name| dir.path().join(name));
            for file in files.iter().filter(|_| before.is_some()) {
                fs::write(file, "old")?;
                fs::set_permissions(file, Permissions::from_mode(before.unwrap_or_default()))?;
            }
            let script = format!("umask {umask}; exec VTAP -r read -w {name} --stats-json s.json");
            ensure!(shell(dir.path(), &script)?.status.success());
            for file in &files {
                let mode = mode(file)?;
                ensure!(mode == after, "{}: {mode:o}, umask {umask}", file.display());
            }
        }
    }
    Ok(())
}

/// As a full disk: the file ends with a whole packet, and the accounts are closed.
fn the_limit_for_files_is_met() -> Result<()> {
    for name in ["x.pcapng", "x.pcap", "x.pcapng.zst", "x.pcapng.gz"] {
        let dir = tempfile::tempdir()?;
        write_read(dir.path(), 3000)?;
        // In units of 512 bytes.
        let script = format!("ulimit -f 1500; exec VTAP -r read -w {name} --stats-json s.json");
        let ended = shell(dir.path(), &script)?;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.code() == Some(1), "{name}: {}: {stderr}", ended.status);
        for words in ["File too large", "ulimit -f", "packets delivered"] {
            ensure!(stderr.contains(words), "{name}: no `{words}` in {stderr}");
        }
        let packets = file::read(&dir.path().join(name))?;
        for (number, found) in (0..).zip(&packets) {
            ensure!(found.data == packet(number), "{name}: packet {number}");
        }
        let stats: serde_json::Value =
            serde_json::from_slice(&fs::read(dir.path().join("s.json"))?)?;
        let written = stats["written"].as_u64();
        ensure!(written == Some(packets.len() as u64), "{name}: {written:?}, {}", packets.len());
        // A compressed file loses what was not flushed.
        ensure!(packets.len() > 300, "{name}: {}", packets.len());
        ensure!(names(dir.path())? == ["read", "s.json", name], "{:?}", names(dir.path())?);
    }
    Ok(())
}

fn the_limit_for_files_is_met_by_the_counters() -> Result<()> {
    let dir = tempfile::tempdir()?;
    write_read(dir.path(), 1)?;
    fs::write(dir.path().join("s.json"), "old")?;
    let script = "ulimit -f 0; exec VTAP -r read --no-print --stats-json s.json";
    let ended = shell(dir.path(), script)?;
    let stderr = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.code() == Some(1), "{}: {stderr}", ended.status);
    ensure!(stderr.contains("s.json: File too large"), "{stderr}");
    ensure!(stderr.contains("1 packets delivered"), "{stderr}");
    ensure!(
        names(dir.path())? == ["read", "s.json"] && fs::read(dir.path().join("s.json"))? == b"old"
    );
    Ok(())
}

/// What somebody else does to a file.
type Disturb = fn(&Path) -> Result<()>;

/// It is noticed, and nothing is called written that is not there.
fn a_file_is_disturbed_while_it_is_written() -> Result<()> {
    let disturb: [(&str, Disturb); 4] = [
        ("cut it short", |path| Ok(OpenOptions::new().write(true).open(path)?.set_len(0)?)),
        ("deleted or replaced", |path| Ok(fs::remove_file(path)?)),
        ("deleted or replaced", |path| {
            let other = path.with_extension("other");
            fs::write(&other, "other")?;
            Ok(fs::rename(&other, path)?)
        }),
        ("written to it", |path| {
            Ok(OpenOptions::new().append(true).open(path)?.write_all(b"other")?)
        }),
    ];
    for name in ["x.pcapng", "x.pcapng.zst"] {
        for (words, disturb) in &disturb {
            for at_end in [false, true] {
                let net = Net::new()?;
                let capture = Capture::start(&net.target, &["-w", name])?;
                let path = capture.dir().join(name);
                let sender = Sender::new(&net.tap)?;
                sender.send(&mirrored(7, &packet(1)))?;
                wait_until("a packet", || {
                    Ok(file::read(&path).is_ok_and(|found| found.len() == 1))
                })?;
                disturb(&path)?;
                let ended = if at_end {
                    capture.stop()?
                } else {
                    sender.send(&mirrored(7, &packet(2)))?;
                    capture.wait()?
                };
                let Some(1) = ended.status.code() else {
                    anyhow::bail!("{words}: {}: {}", ended.status, ended.stderr);
                };
                ensure!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
                ended.check_accounts()?;
                ensure!(ended.count("written") == 0, "{words}: {}", ended.stats);
            }
        }
    }
    Ok(())
}

fn a_link_to_nothing_is_followed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    write_read(dir.path(), 1)?;
    fs::create_dir(dir.path().join("there"))?;
    symlink("there/next", dir.path().join("link"))?;
    symlink("file", dir.path().join("there/next"))?;
    let ended = shell(dir.path(), "exec VTAP -r read --no-print --stats-json link")?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    for link in ["link", "there/next"] {
        ensure!(fs::symlink_metadata(dir.path().join(link))?.is_symlink(), "{link}");
    }
    let counters = fs::read(dir.path().join("there/file"))?;
    ensure!(serde_json::from_slice::<serde_json::Value>(&counters)?["written"] == 1);
    // And one that leads to itself is an error at the start.
    symlink("round", dir.path().join("round"))?;
    let ended = shell(dir.path(), "exec VTAP -r read --no-print --stats-json round")?;
    ensure!(ended.status.code() == Some(1) && ended.stdout.is_empty());
    ensure!(String::from_utf8_lossy(&ended.stderr).contains("links"));
    Ok(())
}

/// Nothing is lost of what was there, and nothing is attached.
fn outputs_that_collide_are_refused() -> Result<()> {
    let net = Net::new()?;
    for (script, names) in [
        ("VTAP FROM -w a --stats-json a", &["-w a", "--stats-json a"][..]),
        ("VTAP FROM -w a --stats-json ./link", &["-w a", "--stats-json ./link"]),
        ("VTAP FROM -w link --stats-json a", &["-w link", "--stats-json a"]),
        ("VTAP FROM -w new --stats-json to-new", &["-w new", "--stats-json to-new"]),
        ("VTAP -r read --stats-json read", &["-r read", "--stats-json read"]),
        ("VTAP -r read --stats-json to-read", &["-r read", "--stats-json to-read"]),
        ("VTAP -r to-read --stats-json read", &["-r to-read", "--stats-json read"]),
        ("VTAP -r read -w to-read", &["-r read", "-w to-read"]),
        ("VTAP -r read -w hard", &["-r read", "-w hard"]),
        ("VTAP -r - -w read <read", &["-r -", "-w read"]),
        ("VTAP -r - --stats-json read <read", &["-r -", "--stats-json read"]),
        ("VTAP -r read >>read", &["-r read", "standard output"]),
        ("VTAP FROM -w - --stats-json /dev/stdout | cat", &["-w -", "--stats-json /dev/stdout"]),
        ("VTAP FROM -w - --stats-json /dev/fd/1 >>a", &["-w -", "--stats-json /dev/fd/1"]),
        ("VTAP FROM -w - --stats-json a >>a", &["-w -", "--stats-json a"]),
        ("VTAP FROM -w - 2>&1 | cat >err", &["-w -", "standard error"]),
        ("VTAP FROM -w /dev/stdout --print | cat", &["-w /dev/stdout", "standard output"]),
        ("VTAP FROM -w /dev/stdout --print >>a", &["-w /dev/stdout", "standard output"]),
        ("VTAP FROM -w a --print >>a", &["-w a", "standard output"]),
        ("VTAP FROM --stats-json a >>a", &["standard output", "--stats-json a"]),
        ("VTAP FROM -w err --no-print", &["-w err", "standard error"]),
        ("VTAP FROM --no-print --stats-json err", &["--stats-json err", "standard error"]),
    ] {
        for from in ["-r read", "-i ens3"] {
            if !script.contains("FROM") && from != "-r read" {
                continue;
            }
            let dir = tempfile::tempdir()?;
            let read = write_read(dir.path(), 2)?;
            fs::write(dir.path().join("a"), "old")?;
            fs::hard_link(dir.path().join("read"), dir.path().join("hard"))?;
            for (link, target) in [("link", "a"), ("to-read", "read"), ("to-new", "new")] {
                symlink(target, dir.path().join(link))?;
            }
            let script = script.replace("FROM", from);
            let script = script.replace("VTAP", &format!("{} capture", binary().display()));
            let (vtap, reader) = script.split_at(script.find('|').unwrap_or(script.len()));
            let script = format!("({vtap}; echo $? >code) 2>>err {reader}");
            let mut shell = net.target.command("sh");
            shell.args(["-c", &script]).current_dir(dir.path()).output()?;
            let code = fs::read_to_string(dir.path().join("code"))?;
            let stderr = fs::read_to_string(dir.path().join("err"))?;
            ensure!(code.trim() == "1", "{script}: {code}: {stderr}");
            for words in names.iter().chain(&["same file"]) {
                ensure!(stderr.contains(words), "{script}: no `{words}` in {stderr}");
            }
            ensure!(fs::read(dir.path().join("a"))? == b"old", "{script}");
            ensure!(fs::read(dir.path().join("read"))? == read, "{script}");
            ensure!(!dir.path().join("new").exists(), "{script} leaves a file");
            ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{script}");
        }
    }
    Ok(())
}

fn outputs_that_do_not_harm_each_other_are_not_refused() -> Result<()> {
    for script in [
        "VTAP -r read -w /dev/null --print --stats-json /dev/null >/dev/null 2>&1",
        "VTAP -r read --stats-json /dev/stdout >out 2>&1",
        "VTAP -r read --stats-json /dev/stderr 2>&1 | cat >out",
        "VTAP -r read -w - --stats-json /dev/stderr | cat >out",
        "VTAP -r read --no-print --stats-json a >>a",
        "VTAP -r - -w a --print --stats-json b <read",
    ] {
        let dir = tempfile::tempdir()?;
        write_read(dir.path(), 2)?;
        let ended = shell(dir.path(), &format!("set -e; {script}"))?;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success() && !stderr.contains("same file"), "{script}: {stderr}");
    }
    Ok(())
}

/// The second is refused, and the first goes on.
fn two_recordings_of_one_name() -> Result<()> {
    let net = Net::new()?;
    let first = Capture::start(&net.target, &["-w", "x.pcapng"])?;
    let path = first.dir().join("x.pcapng");
    let link = first.dir().join("link");
    symlink("x.pcapng", &link)?;
    let read = Form::USUAL.file(&[(0, mirrored(7, &packet(1)))]);
    for path in [&path, &link] {
        let name = path.display().to_string();
        let second = reread(&read, &["-w", &name])?;
        ensure!(second.status.code() == Some(1), "{}: {}", second.status, second.stderr);
        for words in [&name[..], "locked"] {
            ensure!(second.stderr.contains(words), "no `{words}` in {}", second.stderr);
        }
    }
    Sender::new(&net.tap)?.send(&mirrored(7, &packet(2)))?;
    let ended = first.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    ensure!(packets.len() == 1 && packets[0].data == packet(2));
    // Once it has ended, nothing is locked.
    let name = ended.file("x.pcapng").display().to_string();
    reread(&read, &["-w", &name])?.check()
}

fn a_failed_start_leaves_no_file() -> Result<()> {
    let dir = tempfile::tempdir()?;
    write_read(dir.path(), 1)?;
    for script in [
        "VTAP -i nowhere0 -w x.pcapng",
        "VTAP -r missing -w x.pcapng",
        "VTAP -r read -w x.pcapng --stats-json /nonexistent/s.json",
        "VTAP -r read -w x.pcapng --stats-json x.pcapng",
    ] {
        let ended = shell(dir.path(), script)?;
        ensure!(ended.status.code() == Some(1), "{script}: {}", ended.status);
        ensure!(names(dir.path())? == ["read"], "{script}: {:?}", names(dir.path())?);
    }
    Ok(())
}

/// Else the first file that is opened would take its place, or what is written would be nowhere.
fn standard_output_is_closed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    write_read(dir.path(), 1)?;
    for (args, code) in [
        ("-w -", 1),
        ("-w /dev/stdout", 1),
        ("", 1),
        ("-w x --print", 1),
        ("-w x", 0),
        ("--no-print", 0),
    ] {
        let ended = shell(dir.path(), &format!("exec VTAP -r read {args} >&-"))?;
        let stderr = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.code() == Some(code), "{args}: {}: {stderr}", ended.status);
        let told = stderr.contains("standard output is closed");
        ensure!(told == (code == 1), "{args}: {stderr}");
        // `/dev/null` is closed to nobody.
        let ended = shell(dir.path(), &format!("exec VTAP -r read {args} >/dev/null"))?;
        ensure!(ended.status.success(), "{args}");
    }
    Ok(())
}
