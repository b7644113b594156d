//! ARP and RARP.

use std::fmt::Write as _;

use super::{Line, ethernet::put_mac, put};
use crate::dissect::arp::{Addresses, Arp};

/// Appends a packet of the protocol `name`.
pub fn show(line: &mut Line<'_>, view: &Arp<'_>, name: &str) {
    let Some(operation) = view.operation() else { return put!(line, "{name}, [|arp]") };
    let len = view.wirelen();
    if !view.is_ethernet_and_ipv4() {
        return put!(line, "{name}, operation {operation}, length {len}");
    }
    let Some(addresses) = view.addresses() else { return put!(line, "{name}, [|arp]") };
    put!(line, "{name}, ");
    put_operation(line, operation, &addresses);
    put!(line, ", length {len}");
}

fn put_operation(line: &mut Line<'_>, operation: u16, addresses: &Addresses) {
    let Addresses { sender_mac, sender, target_mac, target } = *addresses;
    match operation {
        1 => {
            put!(line, "Request who-has {target}");
            if target_mac != [0; 6] {
                put!(line, " (");
                put_mac(line, target_mac);
                put!(line, ")");
            }
            put!(line, " tell {sender}");
        }
        2 => {
            put!(line, "Reply {sender} is-at ");
            put_mac(line, sender_mac);
        }
        3 => {
            put!(line, "Reverse Request who-is ");
            put_mac(line, target_mac);
            put!(line, " tell ");
            put_mac(line, sender_mac);
        }
        4 => {
            put!(line, "Reverse Reply ");
            put_mac(line, target_mac);
            put!(line, " at {target}");
        }
        other => put!(line, "operation {other}"),
    }
}
