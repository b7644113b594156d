//! What becomes of delivered packets: one file per kind of output.

mod format;
mod lane;
pub(crate) mod transport;

use anyhow::Result;

use self::format::{lines::Printer, pcap::PcapWriter, pcapng::PcapngWriter};
pub use self::lane::records::{PATIENCE, ZSTD};
use crate::{
    cli::{Destination, Plan},
    packet::Packet,
};

/// Takes packets.
pub trait Output: Send {
    /// Takes one.
    fn packet(&mut self, packet: &Packet<'_>) -> Result<()>;

    /// Lets what was taken be seen by others unless it is too early for that; called when no more
    /// packets are at hand. True while something waits.
    fn keep_up(&mut self) -> Result<bool>;

    /// Lets all that was taken be seen by others.
    fn flush(&mut self) -> Result<()>;

    /// Packets that others can see: all that were taken before the last flush.
    fn packets(&self) -> u64;
}

/// Opens what the command line asks for. What is in a file stays there until the first write.
pub fn open(plan: &Plan) -> Result<Vec<Box<dyn Output>>> {
    let mut outputs: Vec<Box<dyn Output>> = Vec::new();
    let source = plan.source.name();
    match &plan.write {
        Some(Destination::Stdout) => outputs.push(Box::new(PcapngWriter::stdout(&source)?)),
        Some(Destination::Pcapng(path)) => {
            outputs.push(Box::new(PcapngWriter::create(path, &source)?));
        }
        Some(Destination::Pcap(path)) => outputs.push(Box::new(PcapWriter::create(path)?)),
        None => {}
    }
    if plan.print {
        outputs.push(Box::new(Printer::new()?));
    }
    Ok(outputs)
}
