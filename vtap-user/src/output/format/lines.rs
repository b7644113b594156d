//! One line per packet.

use anyhow::Result;

use super::Format;
use crate::{packet::Packet, render};

/// Shows packets in tcpdump's style.
pub struct Lines;

impl Format for Lines {
    fn packet(&mut self, bytes: &mut Vec<u8>, packet: &Packet<'_>) -> Result<()> {
        render::line::write(bytes, packet);
        bytes.push(b'\n');
        Ok(())
    }

    fn is_expensive(&self) -> bool {
        true
    }
}
