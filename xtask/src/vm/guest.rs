//! The guest: booted, watched, and what it said.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};

use super::kernel::Unpacked;
use crate::command::{command, patiently};

/// Emulation is some twenty times slower than a machine, and that may be doing other things too.
const LIMIT: Duration = Duration::from_mins(45);

/// Both processors of a guest take turns on one thread. With a thread for each, guests now and then
/// died of a breakpoint that their kernel had set to patch its own code, and taken away again: QEMU
/// had translated the code while the other processor wrote it.
const ACCELERATOR: &str = "tcg,thread=single";

/// Two interfaces on one wire, which QEMU is.
const INTERFACES: &str = "-netdev hubport,id=a,hubid=0 -device virtio-net-pci,netdev=a,\
                          mac=52:54:00:00:00:01,host_mtu=65535 -netdev hubport,id=b,hubid=0 \
                          -device virtio-net-pci,netdev=b,mac=52:54:00:00:00:02,host_mtu=65535";

/// Whatever the kernel complains of is a panic, after which it reboots at once: here that ends it.
/// There is nobody to protect it from, which would cost time.
const CMDLINE: &str = "console=ttyS0 quiet oops=panic panic_on_warn=1 panic=-1 mitigations=off";

/// Boots the kernel, and reads from its console how the tests went over each wire.
pub fn run(kernel: &Unpacked, initramfs: &Path, dir: &Path) -> Result<Vec<Outcome>> {
    let log = dir.join("console.log");
    let mut qemu = command("qemu-system-x86_64");
    qemu.args(["-accel", ACCELERATOR, "-cpu", "max", "-smp", "2", "-m", "2048"])
        .args(["-nodefaults", "-no-reboot", "-display", "none"])
        .args(INTERFACES.split_whitespace())
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", CMDLINE])
        .arg("-chardev")
        .arg(format!("stdio,id=console,signal=off,logfile={}", log.display()))
        .args(["-serial", "chardev:console"]);
    let ran = patiently(&mut qemu, Some(LIMIT));
    let text = fs::read(&log).with_context(|| log.display().to_string())?;
    let text = String::from_utf8_lossy(&text).replace('\r', "");
    let outcomes = Outcome::parse(&text);
    ran.with_context(|| format!("the guest's console is in {}", log.display()))?;
    if !text.contains("\nVTAP-END") {
        bail!("it ended early; its console is in {}:\n{}", log.display(), tail(&text));
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
        crate::report::warning(format_args!("{} failed:\n{}", outcome.title(), outcome.failures));
    }
    Ok(outcomes)
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// The head of the table whose rows are [`Outcome::row`].
pub const TABLE_HEAD: &str = "\
| kernel | interface | program | XDP mode | passed | failed | skipped |
|---|---|---|---|---|---|---|";

/// How the tests went over one kind of wire.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    release: String,
    wire: String,
    program: String,
    mode: String,
    /// Passed, failed and skipped tests, if the program came to its end.
    counts: Option<[u32; 3]>,
    exit: Option<i32>,
    failures: String,
    /// Tests that were skipped, with their reasons.
    pub skipped: Vec<String>,
}

impl Outcome {
    /// Reads a console.
    fn parse(text: &str) -> Vec<Self> {
        let mut release = String::new();
        let mut outcomes: Vec<Self> = Vec::new();
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("VTAP-RELEASE ") {
                told.clone_into(&mut release);
            } else if let Some(wire) = line.strip_prefix("VTAP-WIRE ") {
                let (release, wire) = (release.clone(), wire.to_owned());
                outcomes.push(Self { release, wire, ..Self::default() });
            } else if let Some(outcome) = outcomes.last_mut() {
                outcome.line(line);
            }
        }
        outcomes
    }

    fn line(&mut self, line: &str) {
        let between = |start: char, end: char| {
            line.split_once(start)?.1.split_once(end).map(|(word, _)| word.to_owned())
        };
        if let Some(fact) = line.strip_prefix("VTAP-FACT vtap: ") {
            if fact.starts_with("program") {
                self.program = between('`', '`').unwrap_or_default();
            } else if let Some(reason) = fact.strip_prefix("generic XDP, because ") {
                self.mode = format!("generic: {reason}");
            } else if self.mode.is_empty() && fact.starts_with("capturing") {
                self.mode = between('(', ' ').unwrap_or_default();
            }
        } else if let Some(code) = line.strip_prefix("VTAP-EXIT ") {
            self.exit = code.parse().ok();
        } else if let Some(reason) = line.strip_prefix("skipped: ") {
            self.skipped.push(format!("{}: {reason}", self.title()));
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let numbers = result.split(|c: char| !c.is_ascii_digit());
            let numbers: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
            self.counts = numbers.first_chunk().copied();
        } else if line.starts_with("----") || !self.failures.is_empty() {
            self.failures.extend([line, "\n"]);
        }
    }

    /// Whether every test passed that was not skipped.
    pub fn passed(&self) -> bool {
        self.exit == Some(0)
            && self.counts.is_some_and(|[passed, failed, _]| passed > 0 && failed == 0)
    }

    /// Names it.
    pub fn title(&self) -> String {
        format!("Linux {} over {}", self.release, self.wire)
    }

    /// A row of the table.
    pub fn row(&self) -> String {
        let Self { release, wire, program, mode, counts, .. } = self;
        let counts = counts.map_or_else(
            || "did not end | | ".to_owned(),
            |[passed, failed, skipped]| format!("{passed} | {failed} | {skipped}"),
        );
        format!("| {release} | {wire} | `{program}` | {mode} | {counts} |")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSOLE: &str = "\
[    0.1] booting
VTAP-RELEASE 6.12.1-cloud-amd64
VTAP-WIRE veth
VTAP-FACT vtap: capturing on probe0 (native XDP); verdict on tunnel packets: drop (nobody)
VTAP-FACT vtap: program `vtap`: frames in one piece or in fragments
skipped: files::tshark: needs `tshark`
test a::b ... ok
test result: ok. 58 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 60.05s
VTAP-EXIT 0
VTAP-WIRE virtio_net
VTAP-FACT vtap: generic XDP, because the driver has too few queues
VTAP-FACT vtap: capturing on eth0 (generic XDP); verdict on tunnel packets: drop (nobody)
test a::b ... FAILED
---- a::b ----
it is wrong
test result: FAILED. 57 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1s
VTAP-EXIT 101
";

    #[test]
    fn console_is_read() {
        let [veth, virtio] = &Outcome::parse(CONSOLE)[..] else { panic!("two wires") };
        assert!(veth.passed() && !virtio.passed());
        let row = "| 6.12.1-cloud-amd64 | veth | `vtap` | native | 58 | 0 | 3 |";
        assert_eq!(veth.row(), row);
        assert_eq!(virtio.mode, "generic: the driver has too few queues");
        assert!(virtio.failures.contains("it is wrong"), "{}", virtio.failures);
        assert_eq!(veth.skipped.len(), 1);
    }

    #[test]
    fn a_guest_that_crashed_did_not_pass() {
        let crashed = CONSOLE.split("test result").next().unwrap();
        assert!(!Outcome::parse(crashed)[0].passed());
    }
}
