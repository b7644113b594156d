//! One line per packet on standard output.

use std::io::Write as _;

use anyhow::Result;
use vtap_common::tunnel::LinkType;

use crate::{
    output::{Output, lane::records::Records},
    packet::Packet,
    show,
};

/// Shows packets in tcpdump's style.
pub struct Printer {
    lines: Records,
    line: Vec<u8>,
}

impl Printer {
    /// To standard output.
    pub fn new() -> Result<Self> {
        Ok(Self { lines: Records::stdout()?, line: Vec::new() })
    }
}

impl Output for Printer {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, tunnel, link, wirelen, data, .. } = *packet;
        let line = &mut self.line;
        line.clear();
        show::time_of_day(line, time);
        write!(line, " vni {} ", tunnel.vni)?;
        match link {
            LinkType::Ethernet => show::frame(line, data, wirelen),
            LinkType::RawIp => show::raw_ip(line, data, wirelen),
        }
        line.push(b'\n');
        self.lines.packet(&[line])
    }

    fn keep_up(&mut self) -> Result<bool> {
        self.lines.keep_up()
    }

    fn flush(&mut self) -> Result<()> {
        self.lines.flush()
    }

    fn packets(&self) -> u64 {
        self.lines.packets()
    }
}
