//! One line per packet on standard output.

use std::io::{BufWriter, Write as _};

use anyhow::{Context as _, Result};
use vtap_common::tunnel::LinkType;

use super::Output;
use crate::{packet::Packet, show};

/// Shows packets in tcpdump's style.
pub struct Printer {
    out: BufWriter<std::io::Stdout>,
    line: Vec<u8>,
}

impl Printer {
    /// To standard output.
    pub fn new() -> Self {
        Self { out: BufWriter::with_capacity(1 << 16, std::io::stdout()), line: Vec::new() }
    }
}

impl Output for Printer {
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()> {
        let Packet { time, header, data } = *packet;
        let line = &mut self.line;
        line.clear();
        show::time_of_day(line, time);
        write!(line, " vni {} ", header.vni())?;
        match header.link() {
            LinkType::Ethernet => show::frame(line, data, header.wirelen),
            LinkType::RawIp => show::raw_ip(line, data, header.wirelen),
        }
        line.push(b'\n');
        self.out.write_all(line).context("cannot write to standard output")
    }

    fn flush(&mut self) -> Result<()> {
        self.out.flush().context("cannot write to standard output")
    }
}
