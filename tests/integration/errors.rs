//! Bad input and faults: one paragraph that says what, where and what to do; nothing left behind.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Stdio},
};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{self, Capture, PROGRAMS, signal, wait_until},
    file,
    frames::{self, mirrored},
    net::{Net, TARGET_DEV},
    sender::Sender,
    written::Form,
};

crate::tests![
    wrong_command_lines [],
    failures [],
    hostile_names_do_nothing_to_a_terminal [],
    second_instance [],
    instances_at_the_same_moment [],
    no_privileges ["setpriv"],
    old_files_outlive_a_failed_start ["setpriv"],
];

/// Runs `vtap` and checks how it fails.
fn check(net: &Net, args: &[&str], code: i32, words: &[&str]) -> Result<()> {
    let output = capture::run(&net.target, args)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(code), "{args:?}: {}: {stderr}", output.status);
    for word in words {
        ensure!(stderr.contains(word), "{args:?} does not say `{word}`: {stderr}");
    }
    ensure!(output.stdout.is_empty(), "{args:?} writes to standard output");
    ensure!(net.target.xdp_program(TARGET_DEV)?.is_none(), "{args:?} leaves a program");
    Ok(())
}

fn wrong_command_lines() -> Result<()> {
    let net = Net::new()?;
    for (args, words) in [
        (&["--vni", "16777216"][..], &["--vni", "16777215"][..]),
        (&["--vni", "9-1"], &["empty"]),
        (&["--port", "0"], &["--port", "1 to 65535"]),
        (&["--port", "4789=nsh"], &["nsh", "gpe"]),
        (&["--src", "10.0.0.0/33"], &["--src", "0 to 32"]),
        (&["--net", "somewhere"], &["somewhere"]),
        (&["--proto", "tpc"], &["icmp6"]),
        (&["--dst-port", "70000"], &["65535"]),
        (&["--rule", "permit all"], &["include", "exclude"]),
        (&["--rule", "include proto"], &["lacks"]),
        (&["--verdict", "reject"], &["auto", "pass", "drop"]),
        (&["--xdp-mode", "fast"], &["native", "generic"]),
        (&["--ring-size", "many"], &["--ring-size", "512K"]),
        (&["-c", "0"], &["0"]),
        (&["--port", "4790", "-w", "x.pcap"], &["pcapng"]),
        (&["-w", "-", "--print"], &["standard output"]),
        (&["--nonsense"], &["--nonsense"]),
    ] {
        check(&net, &[&["capture", "-i", TARGET_DEV], args].concat(), 2, words)?;
    }
    let many: Vec<_> = ["--vni", "1"].repeat(65);
    check(&net, &[&["capture", "-i", TARGET_DEV], &many[..]].concat(), 2, &["65 times", "64"])?;
    check(&net, &["capture"], 2, &["-i"])?;
    check(&net, &[], 2, &["Usage"])
}

fn failures() -> Result<()> {
    let net = Net::new()?;
    check(&net, &["capture", "-i", "ens9"], 1, &["ens9", "lo", TARGET_DEV])?;
    let nowhere = "/nonexistent/x.pcapng";
    check(&net, &["capture", "-i", TARGET_DEV, "-w", nowhere], 1, &[nowhere, "No such file"])?;
    let stats = "/nonexistent/stats.json";
    check(&net, &["capture", "-i", TARGET_DEV, "--stats-json", stats], 1, &[stats])?;
    check(&net, &["capture", "-i", TARGET_DEV, "--stats-json", "/"], 1, &["directory"])?;
    let native = ["capture", "-i", "lo", "--xdp-mode", "native"];
    check(&net, &native, 1, &["no native XDP", "offloads", "--xdp-mode generic"])
}

/// Names that would move the cursor, turn the direction of writing or add a line of their own.
fn hostile_names_do_nothing_to_a_terminal() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    let name = "a\u{202e}b\u{2066}\u{1b}[31m\u{9b}1m\nvtap: all is well";
    let escaped = r"a\u{202e}b\u{2066}\u{1b}[31m\u{9b}1m\nvtap: all is well";
    let path = dir.path().join(name).display().to_string();
    fs::write(&path, Form::USUAL.file(&[]))?;
    let rule = format!("include vni {name}");
    let (vni, proto) = (format!("--vni={name}"), format!("--proto={name}"));
    let nowhere = format!("/nonexistent/{name}");
    let ens3 = ["capture", "-i", TARGET_DEV];
    for (args, code) in [
        (&["capture", "-i", name][..], 1),
        (&["capture", "-r", name], 1),
        (&["capture", "-r", &path, "-w", &path], 1),
        (&["capture", "-r", &path, "--rule", &rule], 2),
        (&[&ens3[..], &["-w", &nowhere]].concat(), 1),
        (&[&ens3[..], &["--stats-json", &nowhere]].concat(), 1),
        (&[&ens3[..], &[&vni]].concat(), 2),
        (&[&ens3[..], &[&proto]].concat(), 2),
        (&[&ens3[..], &[name]].concat(), 2),
        (&["capture", "--rule", &format!("include vni 1 \n{name} 2")], 2),
        (&[name], 2),
    ] {
        let output = capture::run(&net.target, args)?;
        let stderr = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(code), "{args:?}: {}: {stderr}", output.status);
        ensure!(!stderr.lines().any(|line| line.starts_with("vtap: all is well")), "{stderr}");
        let harmful = |char: char| char != '\n' && (char.is_control() || name.contains(char));
        let harmful: String =
            stderr.chars().filter(|char| !char.is_ascii() && harmful(*char)).collect();
        ensure!(harmful.is_empty() && !stderr.contains('\u{1b}'), "{harmful:?} in {stderr}");
        ensure!(stderr.contains(escaped), "{args:?}: {stderr}");
    }
    Ok(())
}

fn second_instance() -> Result<()> {
    let net = Net::new()?;
    let first = Capture::start(&net.target, &["-w", "x.pcapng"])?;
    let id = net.target.xdp_program(TARGET_DEV)?.unwrap_or_default();
    let sender = Sender::new(&net.tap)?;
    sender.send(&mirrored(7, &frames::icmp(1, &[])))?;
    // It wants to write the same file.
    let file = first.dir().join("x.pcapng").display().to_string();
    let second = capture::run(&net.target, &["capture", "-i", TARGET_DEV, "-w", &file])?;
    let stderr = String::from_utf8_lossy(&second.stderr);
    ensure!(second.status.code() == Some(1), "{}", second.status);
    for word in [TARGET_DEV, "already", &format!("id {id}")] {
        ensure!(stderr.contains(word), "does not say `{word}`: {stderr}");
    }
    ensure!(PROGRAMS.iter().any(|name| stderr.contains(&format!("`{name}`"))), "{stderr}");
    // The first goes on.
    ensure!(net.target.xdp_program(TARGET_DEV)? == Some(id));
    sender.send(&mirrored(7, &frames::icmp(2, &[])))?;
    let ended = first.stop()?;
    ended.check()?;
    let packets = file::read(&ended.file("x.pcapng"))?;
    let sent = [1, 2].map(|seq| frames::icmp(seq, &[]));
    ensure!(packets.iter().map(|packet| &packet.data).eq(&sent), "{packets:?}");
    Ok(())
}

/// One of them captures, and the others say what is there already.
fn instances_at_the_same_moment() -> Result<()> {
    let net = Net::new()?;
    for round in 0..5 {
        let dir = tempfile::tempdir()?;
        let start = |number: u32| -> Result<Child> {
            let mode = ["auto", "native", "generic"][number as usize % 3];
            let stderr = fs::File::create(dir.path().join(number.to_string()))?;
            let mut command = net.target.command(&capture::binary().display().to_string());
            command.args(["capture", "-i", TARGET_DEV, "--no-print", "--xdp-mode", mode]);
            Ok(command.stdin(Stdio::null()).stderr(stderr).spawn()?)
        };
        let mut all = (0..6).map(start).collect::<Result<Vec<_>>>()?;
        let mut codes = vec![None; all.len()];
        wait_until("all but one to end", || {
            for (child, code) in all.iter_mut().zip(&mut codes) {
                *code = child.try_wait()?.map(|status| status.code());
            }
            Ok(codes.iter().flatten().count() + 1 >= codes.len())
        })?;
        let said = |number: usize| Ok(fs::read_to_string(dir.path().join(number.to_string()))?);
        for (number, code) in codes.iter().enumerate() {
            let Some(code) = code else {
                let announced = || said(number).map(|said| said.contains("capturing on ens3"));
                wait_until("the announcement", announced)?;
                signal(all[number].id(), Signal::SIGINT)?;
                ensure!(all[number].wait()?.success(), "round {round}: {}", said(number)?);
                continue;
            };
            let refused = *code == Some(1) && said(number)?.contains("already has an XDP program");
            ensure!(refused, "round {round}: {code:?}: {}", said(number)?);
        }
        ensure!(codes.iter().flatten().count() + 1 == codes.len(), "round {round}: none captures");
    }
    Ok(())
}

fn no_privileges() -> Result<()> {
    let net = Net::new()?;
    let mut command = net.target.command("setpriv");
    let command = command.args(["--reuid", "65534", "--clear-groups", "--inh-caps=-all"]);
    let output = command.arg(capture::binary()).args(["capture", "-i", TARGET_DEV]).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{}: {stderr}", output.status);
    for word in ["root", "CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"] {
        ensure!(stderr.contains(word), "does not say `{word}`: {stderr}");
    }
    Ok(())
}

/// Whatever a start fails for, what is in the files that it was to write stays there.
fn old_files_outlive_a_failed_start() -> Result<()> {
    let net = Net::new()?;
    let dir = tempfile::tempdir()?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777))?;
    let path = |name| dir.path().join(name).display().to_string();
    let files = ["old.pcapng", "old.pcap.zst", "old.json"].map(path);
    for file in &files {
        fs::write(file, "old")?;
        fs::set_permissions(file, Permissions::from_mode(0o666))?;
    }
    let vtap = capture::binary().display().to_string();
    let unprivileged =
        ["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all", "--", &vtap];
    let first = Capture::start(&net.target, &["--no-print"])?;
    for (program, args) in [
        (&unprivileged[..], &["-i", TARGET_DEV][..]),
        (&[&vtap], &["-i", "ens9"]),
        (&[&vtap], &["-i", TARGET_DEV]),
        (&[&vtap], &["-i", "lo", "--xdp-mode", "native"]),
    ] {
        for file in &files[..2] {
            let mut command = net.target.command(program[0]);
            command.args(&program[1..]).arg("capture").args(args);
            let output = command.args(["-w", file, "--stats-json", &files[2]]).output()?;
            ensure!(output.status.code() == Some(1), "{args:?}: {output:?}");
            for file in &files {
                ensure!(fs::read(file)? == b"old", "{args:?}: {file} has changed");
            }
            ensure!(fs::read_dir(dir.path())?.count() == files.len(), "{args:?}: more files");
        }
    }
    first.stop()?.check()?;
    // And what does begin replaces them.
    let capture = Capture::start(&net.target, &["-w", &files[0]])?;
    capture.stop()?.check()?;
    ensure!(file::read(files[0].as_ref())?.is_empty());
    Ok(())
}
