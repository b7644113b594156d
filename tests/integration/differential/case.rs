//! What the programs are loaded with: each way in which a packet can be selected.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use log::LevelFilter;
use vtap_common::{
    abi::MAX_CAPLEN,
    select::{Cidr, MAX_RULES, MAX_TAP_PORTS, Range, Rule, Selection, TapPort},
    tunnel::Encapsulation,
    wire::LinkLayer,
};

/// A selection, and the rest of a program's settings.
pub struct Case {
    /// For messages.
    pub name: &'static str,
    /// What is captured.
    pub selection: Box<Selection>,
    /// How frames begin.
    pub link_layer: LinkLayer,
    /// Whether tunnel packets pass.
    pub pass: bool,
    /// Bytes of a packet at most.
    pub snaplen: u32,
    /// With messages on, the program has more to do.
    pub log_level: LevelFilter,
}

impl Case {
    /// The part of an Ethernet frame that it is given: all, or what is behind the Ethernet header,
    /// as long as a test run takes that.
    pub fn part<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        match (self.link_layer, frame.get(ETHERNET..)) {
            (LinkLayer::Ip, Some(packet)) if packet.len() >= LEAST => packet,
            _ => frame,
        }
    }
}

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Bytes of a frame in a test run, at least.
const LEAST: usize = 14;

/// All of them.
pub fn all() -> Result<Vec<Case>> {
    let case = |name, selection| Case {
        name,
        selection,
        link_layer: LinkLayer::Ethernet,
        pass: false,
        snaplen: MAX_CAPLEN,
        log_level: LevelFilter::Off,
    };
    Ok(vec![
        case("everything", any()?),
        Case { link_layer: LinkLayer::Ip, ..case("everything in bare IP", any()?) },
        Case { snaplen: 96, pass: true, ..case("numbers", numbers()?) },
        Case { snaplen: 0, ..case("addresses", addresses()?) },
        Case { snaplen: 1, ..case("rules", rules()?) },
        Case {
            snaplen: 64,
            pass: true,
            log_level: LevelFilter::Debug,
            ..case("all the rules there can be, with messages", many_rules()?)
        },
    ])
}

fn any() -> Result<Box<Selection>> {
    let mut selection = Box::new(Selection::ANY);
    for (port, encapsulation) in
        [(4789, Encapsulation::Vxlan), (4790, Encapsulation::Gpe), (8472, Encapsulation::Vxlan)]
    {
        add(selection.tap_ports.push(TapPort { port, encapsulation }))?;
    }
    Ok(selection)
}

fn numbers() -> Result<Box<Selection>> {
    let mut selection = any()?;
    for vni in [range(0, 7)?, range(9, 0xff_ffff)?] {
        add(selection.flags.vni.push(vni))?;
    }
    for protocol in [1, 6, 17, 58, 132, 0x100] {
        add(selection.flags.protocol.push(Range::just(protocol)))?;
    }
    add(selection.flags.src_port.push(range(20, 0xfffe)?))?;
    add(selection.flags.dst_port.push(range(0, 40_000)?))?;
    add(selection.flags.inner_port.push(range(0, 100)?))?;
    add(selection.flags.inner_port.push(Range::just(443)))?;
    Ok(selection)
}

fn addresses() -> Result<Box<Selection>> {
    let mut selection = any()?;
    for outer in ["10.0.0.0/15", "2001:db8::/44"] {
        add(selection.flags.outer_src.push(cidr(outer)?))?;
        add(selection.flags.outer_dst.push(cidr(outer)?))?;
    }
    for inner in ["10.0.0.0/22", "2001:db8:0::/47", "0.0.0.0/1"] {
        add(selection.flags.src.push(cidr(inner)?))?;
        add(selection.flags.dst.push(cidr(inner)?))?;
    }
    for net in ["10.0.2.0/23", "10.0.0.5/32", "2001:db8::/48", "2001:db8:1::5/128"] {
        add(selection.flags.net.push(cidr(net)?))?;
    }
    Ok(selection)
}

/// As many tap ports as there can be, and each criterion of a rule.
fn rules() -> Result<Box<Selection>> {
    let mut selection = any()?;
    for port in (10_000..).take(MAX_TAP_PORTS - selection.tap_ports.len()) {
        add(selection.tap_ports.push(TapPort { port, encapsulation: Encapsulation::Vxlan }))?;
    }
    let (include, exclude) = (Rule::any(true), Rule::any(false));
    let rules = [
        Rule { protocol: Range::just(6), dst_port: Range::just(22), ..exclude },
        Rule { protocol: Range::just(1), icmp: [range(0, 3)?, Range::ANY], ..include },
        Rule { protocol: Range::just(58), icmp: [Range::ANY, Range::just(0)], ..include },
        Rule { src: cidr("10.0.0.0/24")?, vni: range(3, 9)?, ..exclude },
        Rule { src_port: range(50, 50_000)?, ..include },
        Rule { dst: cidr("2001:db8::/47")?, ..include },
        Rule { protocol: Range::just(0x100), ..include },
        Rule { vni: Range::just(1), ..include },
    ];
    ensure!(selection.rules.set(&rules), "too many rules");
    Ok(selection)
}

fn many_rules() -> Result<Box<Selection>> {
    let mut selection = any()?;
    let rule = |index: u32| {
        let rule = Rule {
            vni: Range::just(index % 16),
            protocol: Range::just([6, 17, 58, 1][index as usize / 16 % 4]),
            ..Rule::any(!index.is_multiple_of(3))
        };
        if index < 64 { rule } else { Rule { protocol: Range::ANY, ..rule } }
    };
    let rules: Vec<_> = (0..MAX_RULES as u32).map(rule).collect();
    ensure!(selection.rules.set(&rules), "too many rules");
    Ok(selection)
}

fn add<T>(pushed: Result<(), T>) -> Result<()> {
    pushed.ok().context("the list is full")
}

fn range(first: u32, last: u32) -> Result<Range> {
    Range::new(first, last).context("an empty range")
}

fn cidr(text: &str) -> Result<Cidr> {
    let (address, length) = text.split_once('/').context("no prefix")?;
    Cidr::new(address.parse::<IpAddr>()?, length.parse()?).context("a prefix too long")
}
