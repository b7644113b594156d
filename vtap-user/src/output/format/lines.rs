//! One line per packet on standard output.

use anyhow::Result;

use crate::{
    output::{Output, lane::records::Records},
    packet::Packet,
    render,
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
        let line = &mut self.line;
        line.clear();
        render::line::write(line, packet);
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
