//! `cargo xtask run`: builds vtap and captures with it, here or in the lab.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use rustix::{
    net::{AddressFamily, SocketType, netdevice::name_to_index, socket},
    process::geteuid,
};

use crate::{
    build,
    command::{become_program, command, find},
    lab, report, setup,
    workspace::Workspace,
};

/// The interface that the tutorial's machines have.
const USUAL_INTERFACE: &str = "ens3";

/// Options of `cargo xtask run`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RunOptions {
    /// Capture in the lab: a tap and its target in network namespaces of this machine, where a
    /// ping from client to server is mirrored. It stands before ARGS
    #[arg(long)]
    lab: bool,

    /// What to pass to `vtap capture`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

const EXAMPLES: &str = "\
Without an interface in ARGS, ens3 is captured; on a machine that has none, the lab is used. What
needs root is done with sudo.

Examples:
  cargo xtask run                        capture on ens3, or else in the lab
  cargo xtask run -- -i eth1 --vni 7     on another interface, only this network
  cargo xtask run -- -r old.pcap         from a file of tcpdump's
  cargo xtask run --lab                  five pings, mirrored
  cargo xtask run --lab -c 5 -w ping.pcapng
  cargo xtask run -- --help              what vtap capture can do";

/// Runs the task; its exit code is vtap's.
pub fn run(options: RunOptions) -> Result<ExitCode> {
    let RunOptions { lab, args } = options;
    let vtap = build::vtap(&Workspace::find()?)?;
    match (Source::of(&args), lab) {
        // Neither needs root or a network.
        (Source::Help | Source::File, lab) => {
            if lab {
                report::doing("no lab is needed for this");
            }
            become_program(&mut capture(&vtap, &args))
        }
        (source, true) => in_lab(&vtap, source, args),
        (Source::Interface(_), false) => become_program(&mut as_root(capture(&vtap, &args))?),
        (Source::None, false) if has_usual_interface() => {
            let args = with_interface(args);
            become_program(&mut as_root(capture(&vtap, &args))?)
        }
        (Source::None, false) => {
            report::doing(format_args!(
                "there is no interface {USUAL_INTERFACE} here and ARGS name no other (-i IFACE): \
                 running in the lab"
            ));
            in_lab(&vtap, Source::None, args)
        }
    }
}

/// Whether this network namespace has it. The kernel is asked, because `/sys` may show another's.
fn has_usual_interface() -> bool {
    let socket = socket(AddressFamily::INET, SocketType::DGRAM, None);
    socket.and_then(|socket| name_to_index(socket, USUAL_INTERFACE)).is_ok()
}

fn in_lab(vtap: &Path, source: Source, args: Vec<OsString>) -> Result<ExitCode> {
    setup::ensure_programs()?;
    let (interface, args) = match source {
        Source::Interface(interface) => (interface, args),
        _ => (USUAL_INTERFACE.into(), with_interface(args)),
    };
    if geteuid().is_root() {
        return lab::capture(vtap, &interface, &args);
    }
    let mut this = command(env::current_exe().context("cannot find this program")?);
    this.args(["lab", "capture"]).arg(vtap).arg(&interface).args(&args);
    become_program(&mut as_root(this)?)
}

fn with_interface(args: Vec<OsString>) -> Vec<OsString> {
    let interface = ["-i", USUAL_INTERFACE].map(OsString::from);
    interface.into_iter().chain(args).collect()
}

fn capture(vtap: &Path, args: &[OsString]) -> Command {
    let mut capture = command(vtap);
    capture.arg("capture").args(args);
    capture
}

/// The same command as root.
fn as_root(command: Command) -> Result<Command> {
    if geteuid().is_root() {
        return Ok(command);
    }
    if find("sudo").is_none() {
        bail!("capturing needs root, and there is no sudo: run this as root");
    }
    report::doing("capturing needs root: using sudo");
    let mut sudo = crate::command::command("sudo");
    sudo.arg("--").arg(command.get_program()).args(command.get_args());
    Ok(sudo)
}

/// Where `vtap capture` is told to take packets from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Interface(OsString),
    File,
    /// It is only asked for help.
    Help,
    None,
}

/// The one-letter options of `vtap capture` that have a value.
const WITH_VALUE: &[u8] = b"cirsw";

impl Source {
    /// Reads ARGS as far as it takes to tell an option from another's value.
    fn of(args: &[OsString]) -> Self {
        let mut args = args.iter().map(OsString::as_os_str);
        while let Some(arg) = args.next() {
            let found = match arg.as_bytes() {
                b"--" => return Self::None,
                b"--help" => Some(Self::Help),
                b"--interface" => args.next().map(Self::interface),
                [b'-', b'-', long @ ..] => long.strip_prefix(b"interface=").map(Self::of_name),
                [b'-', letters @ ..] => Self::of_letters(letters, &mut args),
                _ => None,
            };
            if let Some(source) = found {
                return source;
            }
        }
        Self::None
    }

    /// One-letter options may stand together, and the last may have its value attached.
    fn of_letters<'a>(
        letters: &'a [u8],
        rest: &mut impl Iterator<Item = &'a OsStr>,
    ) -> Option<Self> {
        for (index, letter) in letters.iter().enumerate() {
            if *letter == b'h' {
                return Some(Self::Help);
            }
            if WITH_VALUE.contains(letter) {
                let attached = OsStr::from_bytes(&letters[index + 1..]);
                let value = if attached.is_empty() { rest.next()? } else { attached };
                return match letter {
                    b'i' => Some(Self::interface(value)),
                    b'r' => Some(Self::File),
                    _ => None,
                };
            }
        }
        None
    }

    fn interface(name: &OsStr) -> Self {
        let name = name.as_bytes();
        Self::of_name(name.strip_prefix(b"=").unwrap_or(name))
    }

    fn of_name(name: &[u8]) -> Self {
        Self::Interface(OsStr::from_bytes(name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        options: RunOptions,
    }

    fn parse(words: &str) -> (bool, String) {
        let words = ["run"].into_iter().chain(words.split_whitespace());
        let RunOptions { lab, args } = Cli::try_parse_from(words).unwrap().options;
        let args: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap()).collect();
        (lab, args.join(" "))
    }

    fn source(words: &str) -> Source {
        Source::of(&words.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    fn interface(name: &str) -> Source {
        Source::Interface(name.into())
    }

    #[test]
    fn args_are_passed_on() {
        assert_eq!(parse(""), (false, String::new()));
        assert_eq!(parse("-i ens3 --vni 7"), (false, "-i ens3 --vni 7".into()));
        assert_eq!(parse("-- -i ens3 -c 5"), (false, "-i ens3 -c 5".into()));
        assert_eq!(parse("-- --help"), (false, "--help".into()));
    }

    #[test]
    fn lab_comes_first() {
        assert_eq!(parse("--lab"), (true, String::new()));
        assert_eq!(parse("--lab -c 5"), (true, "-c 5".into()));
        assert_eq!(parse("--lab -- -c 5"), (true, "-c 5".into()));
        assert_eq!(parse("--lab -- -c 5 -- x"), (true, "-c 5 -- x".into()));
        assert_eq!(parse("-c 5 --lab"), (false, "-c 5 --lab".into()));
        assert_eq!(parse("-- --lab"), (false, "--lab".into()));
    }

    #[test]
    fn interface_is_found() {
        for words in ["-i a", "-ia", "-i=a", "--interface a", "--interface=a", "-vvi a", "-c 5 -ia"]
        {
            assert_eq!(source(words), interface("a"), "{words}");
        }
    }

    #[test]
    fn values_are_not_options() {
        assert_eq!(source("-w -i"), Source::None);
        assert_eq!(source("-w-i"), Source::None);
        assert_eq!(source("-w -i -i a"), interface("a"));
        assert_eq!(source("-- -i a"), Source::None);
        assert_eq!(source("-c 5 -vv"), Source::None);
        assert_eq!(source("-i"), Source::None);
    }

    #[test]
    fn neither_file_nor_help_needs_an_interface() {
        for words in ["-r a", "-ra", "-r=a", "-r -", "-vr a"] {
            assert_eq!(source(words), Source::File, "{words}");
        }
        assert_eq!(source("--help"), Source::Help);
        assert_eq!(source("-vh"), Source::Help);
    }
}
