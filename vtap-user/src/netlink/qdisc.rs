//! Queueing disciplines, as far as they let programs see what comes in.

use std::io;

use anyhow::{Context as _, Result};
use libc::{RTM_GETQDISC, TCA_KIND};

use super::{
    attribute::{Payload, attributes, string},
    message::Message,
    request::Request,
};

/// Bytes of `struct tcmsg`.
const TCMSG: usize = 20;

/// Indices of the interfaces that have a place for filters of incoming packets: a `clsact` or
/// `ingress` discipline.
pub fn with_ingress_filters() -> Result<Vec<u32>> {
    let payload = Payload::new(&[0; TCMSG]);
    let request = Request { protocol: None, kind: RTM_GETQDISC, payload: &payload };
    match request.dump(ingress) {
        // A kernel without traffic control.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Vec::new()),
        list => list.context("cannot list queueing disciplines"),
    }
}

fn ingress(message: Message<'_>) -> Option<u32> {
    let (fixed, rest) = message.payload.split_first_chunk::<TCMSG>()?;
    let [_, _, _, _, i0, i1, i2, i3, ..] = *fixed;
    let (_, kind) = attributes(rest).find(|(kind, _)| *kind == TCA_KIND)?;
    matches!(string(kind), b"ingress" | b"clsact").then(|| u32::from_ne_bytes([i0, i1, i2, i3]))
}
