//! What the user typed ([`CaptureArgs`]) and, once checked, what it means ([`Plan`]).

mod criteria;
mod mistake;
mod rule;
mod values;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, error::ErrorKind};
use vtap_common::{
    select::{MAX_RULES, MAX_TAP_PORTS, Selection, TapPort},
    tunnel::Encapsulation,
};

use crate::{
    netlink::Name,
    output::is_compressed,
    plan::{Destination, Plan, Source, Verdict, XdpMode},
};

use self::{
    criteria::{SelectionFlags, too_many},
    rule::RuleText,
    values::{DEFAULT_TAP_PORT, ring_size, tap_port},
};

/// Captures the inner packets of mirrored (VXLAN) cloud traffic, decapsulated and filtered in the
/// kernel.
#[derive(Parser)]
#[command(name = "vtap", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line of this process, and ends it where that is wrong or asks for help.
    #[must_use]
    pub fn of_process() -> Self {
        Self::try_parse().unwrap_or_else(|error| mistake::harmless(error).exit())
    }
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Capture inner packets: show them, write them to a file, or count them
    Capture(Box<CaptureArgs>),
}

const EXAMPLES: &str = "\
Examples:
  vtap capture -i ens3                                show every mirrored packet
  vtap capture -i ens3 --proto tcp --inner-port 23    only telnet inside the tunnel
  vtap capture -i ens3 --vni 7 --dst-port 443 -w web.pcapng
  vtap capture -i ens3 --no-print --stats-json stats.json
  vtap capture -r old.pcap --proto icmp               reread a file of tcpdump's
  vtap capture -i ens3 --rule 'exclude proto tcp dst-port 22' --rule include";

const SELECTION: &str = "Selection (on the inner packet unless it says outer)";
const OUTPUT: &str = "Output";
const KERNEL: &str = "Kernel side";

/// `vtap capture`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct CaptureArgs {
    /// Interface at which the mirrored traffic arrives, by its name or an alternative name
    #[arg(short, long, value_name = "IFACE", required_unless_present = "read")]
    interface: Option<OsString>,

    /// Read mirrored traffic from FILE instead: pcap or pcapng, also .gz or .zst; - is
    /// stdin
    #[arg(short, long, value_name = "FILE",
          conflicts_with_all = ["interface", "xdp_mode", "verdict", "ring_size"])]
    read: Option<PathBuf>,

    /// UDP port of the tap; 4790 is read as VXLAN-GPE, others as VXLAN unless it says so
    #[arg(long, value_name = "N[=vxlan|gpe]", value_parser = tap_port,
          default_value = DEFAULT_TAP_PORT, help_heading = SELECTION)]
    port: Vec<TapPort>,

    #[command(flatten)]
    flags: SelectionFlags,

    #[arg(long, value_name = "RULE", help = rule_help(), help_heading = SELECTION)]
    rule: Vec<RuleText>,

    /// Stop after N packets
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..),
          help_heading = OUTPUT)]
    count: Option<u64>,

    /// Take no more than BYTES of each packet; 0, the default, takes all
    #[arg(short, long, value_name = "BYTES", help_heading = OUTPUT)]
    snaplen: Option<u32>,

    /// Say more: which program the kernel runs, and in what mode
    #[arg(short, action = ArgAction::Count, help_heading = OUTPUT)]
    verbose: u8,

    /// Show no packets, only count them
    #[arg(long, conflicts_with = "print", help_heading = OUTPUT)]
    no_print: bool,

    /// Show packets even though they are written to a file
    #[arg(long, help_heading = OUTPUT)]
    print: bool,

    /// Write inner packets to FILE: pcap where it ends in .pcap, else pcapng; .zst or .gz after
    /// either compresses; - is stdout
    #[arg(short, long, value_name = "FILE", help_heading = OUTPUT)]
    write: Option<PathBuf>,

    /// Write each packet's tunnel into its comment: VNI, outer addresses and source port, queue
    #[arg(long, requires = "write", help_heading = OUTPUT)]
    annotate: bool,

    /// Write the counters to FILE at the end
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    stats_json: Option<PathBuf>,

    /// Do not put the interface into promiscuous mode: frames for other hardware addresses, such
    /// as multicast, need not arrive then
    #[arg(short = 'p', long, help_heading = KERNEL)]
    no_promiscuous_mode: bool,

    /// How the program is attached; auto tries native and falls back to generic, saying why
    #[arg(long, value_enum, default_value_t, help_heading = KERNEL)]
    xdp_mode: XdpMode,

    /// What becomes of tunnel packets; auto: drop them only if nobody else on this host can want
    /// them (a VXLAN device, a socket, another capture, forwarding), and look again while the
    /// capture runs. Other traffic always passes
    #[arg(long, value_enum, default_value_t, help_heading = KERNEL)]
    verdict: Verdict,

    /// Size of the buffer between kernel and vtap, per CPU; rounded up to a power of two. A packet
    /// that is longer is lost, as `ring_full` [default: 16M, less on machines of more than 16 CPUs]
    #[arg(long, value_name = "BYTES", value_parser = ring_size, help_heading = KERNEL)]
    ring_size: Option<u32>,
}

/// Where `-w` writes, by the ending of the name.
fn destination(path: PathBuf) -> Destination {
    // `.zst` or `.gz` after either only compresses.
    let uncompressed = path.with_extension("");
    let compressed = path.extension().is_some_and(is_compressed);
    let named = if compressed { &uncompressed } else { &path };
    if path == Path::new("-") {
        Destination::Stdout
    } else if named.extension().is_some_and(|extension| extension == "pcap") {
        Destination::Pcap(path)
    } else {
        Destination::Pcapng(path)
    }
}

impl CaptureArgs {
    /// Checks what no single value could be checked for.
    pub fn check(self) -> Result<Plan, clap::Error> {
        let selection = self.selection()?;
        let gpe = self.port.iter().any(|port| port.encapsulation == Encapsulation::Gpe);
        let write = self.write.map(destination);
        if gpe && matches!(write, Some(Destination::Pcap(_))) {
            return Err(usage(
                "a .pcap file has one link type, and VXLAN-GPE carries packets with and without \
                 an Ethernet header: name the file .pcapng",
            ));
        }
        if self.annotate && matches!(write, Some(Destination::Pcap(_))) {
            return Err(usage(
                "a .pcap file holds no comments, which --annotate writes: name the file .pcapng",
            ));
        }
        if self.print && matches!(write, Some(Destination::Stdout)) {
            return Err(usage("-w - and --print would both write to standard output"));
        }
        Ok(Plan {
            source: match self.read {
                Some(path) => Source::File(path),
                None => Source::Interface(Name::from(&*self.interface.unwrap_or_default())),
            },
            selection,
            rules: self.rule.into_iter().map(|rule| rule.text).collect(),
            ports: self.port.iter().map(|port| port.port as u16).collect(),
            count: self.count,
            snaplen: self.snaplen.filter(|bytes| *bytes != 0).unwrap_or(u32::MAX),
            verbose: self.verbose,
            print: !self.no_print && (self.print || write.is_none()),
            write,
            annotate: self.annotate,
            stats_json: self.stats_json,
            promiscuous: !self.no_promiscuous_mode,
            xdp_mode: self.xdp_mode,
            verdict: self.verdict,
            ring_size: self.ring_size,
        })
    }

    /// The tap ports, each once. A port can be read in one way only.
    fn tap_ports(&self) -> Result<Vec<TapPort>, clap::Error> {
        let mut ports: Vec<TapPort> = Vec::new();
        for new in &self.port {
            match ports.iter().find(|known| known.port == new.port) {
                Some(known) if known.encapsulation != new.encapsulation => {
                    return Err(usage(&format!(
                        "--port {} is given twice, to be read in different ways: leave one out",
                        new.port
                    )));
                }
                Some(_) => {}
                None => ports.push(*new),
            }
        }
        Ok(ports)
    }

    fn selection(&self) -> Result<Box<Selection>, clap::Error> {
        let mut selection = Box::new(Selection::ANY);
        for port in self.tap_ports()? {
            if selection.tap_ports.push(port).is_err() {
                return Err(usage(&too_many("--port", self.port.len(), MAX_TAP_PORTS)));
            }
        }
        self.flags.apply(&mut selection).map_err(|error| usage(&error))?;
        let rules: Vec<_> = self.rule.iter().map(|rule| rule.rule).collect();
        if !selection.rules.set(&rules) {
            return Err(usage(&too_many("--rule", rules.len(), MAX_RULES)));
        }
        Ok(selection)
    }
}

/// What `--help` says of `--rule`.
fn rule_help() -> String {
    format!(
        "In their order, the first rule that matches decides; a packet that none matches is not \
         captured: '{}'",
        criteria::rule_forms()
    )
}

fn usage(message: &str) -> clap::Error {
    let mut command = Cli::command();
    let capture = command.find_subcommand_mut("capture").map(std::mem::take).unwrap_or(command);
    capture.bin_name("vtap capture").error(ErrorKind::ValueValidation, message)
}
