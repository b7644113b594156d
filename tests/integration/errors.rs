//! Bad input and faults: one paragraph that says what, where and what to do; nothing left behind.

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::{self, Capture, PROGRAMS},
    net::{Net, TARGET_DEV},
};

crate::tests![wrong_command_lines [], failures [], second_instance [], no_privileges ["setpriv"],];

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
        (&["--ring-size", "many"], &["--ring-size", "4096"]),
        (&["-c", "0"], &["0"]),
        (&["--port", "4790", "-w", "x.pcap"], &["pcapng"]),
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
    check(&net, &["capture", "-i", TARGET_DEV, "--stats-json", stats], 1, &[stats])
}

fn second_instance() -> Result<()> {
    let net = Net::new()?;
    let first = Capture::start(&net.target, &["--no-print"])?;
    let id = net.target.xdp_program(TARGET_DEV)?.unwrap_or_default();
    let second = capture::run(&net.target, &["capture", "-i", TARGET_DEV])?;
    let stderr = String::from_utf8_lossy(&second.stderr);
    ensure!(second.status.code() == Some(1), "{}", second.status);
    for word in [TARGET_DEV, "already", &format!("id {id}")] {
        ensure!(stderr.contains(word), "does not say `{word}`: {stderr}");
    }
    ensure!(PROGRAMS.iter().any(|name| stderr.contains(&format!("`{name}`"))), "{stderr}");
    // The first goes on.
    ensure!(net.target.xdp_program(TARGET_DEV)? == Some(id));
    first.stop()?.check()
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
