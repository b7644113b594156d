//! ARP (RFC 826) and RARP (RFC 903).

use std::{io::Write as _, net::Ipv4Addr};

use super::{Line, be16, ethernet::mac, put};

/// Appends a packet of `name`.
pub fn put(line: &mut Line, packet: &[u8], len: u32, name: &str) {
    let (Some(fixed), Some(operation)) = (packet.get(..6), be16(packet, 6)) else {
        return put!(line, "{name}, [|arp]");
    };
    if fixed[..4] != [0, 1, 8, 0] || fixed[4..6] != [6, 4] {
        return put!(line, "{name}, operation {operation}, length {len}");
    }
    let Some(body) = packet.get(8..28) else { return put!(line, "{name}, [|arp]") };
    let hardware = |at: usize| [0, 1, 2, 3, 4, 5].map(|offset| body[at + offset]);
    let protocol = |at: usize| Ipv4Addr::new(body[at], body[at + 1], body[at + 2], body[at + 3]);
    let (sender_mac, sender, target_mac, target) =
        (hardware(0), protocol(6), hardware(10), protocol(16));
    put!(line, "{name}, ");
    match operation {
        1 => {
            put!(line, "Request who-has {target}");
            if target_mac != [0; 6] {
                put!(line, " (");
                mac(line, target_mac);
                put!(line, ")");
            }
            put!(line, " tell {sender}");
        }
        2 => {
            put!(line, "Reply {sender} is-at ");
            mac(line, sender_mac);
        }
        3 => {
            put!(line, "Reverse Request who-is ");
            mac(line, target_mac);
            put!(line, " tell ");
            mac(line, sender_mac);
        }
        4 => {
            put!(line, "Reverse Reply ");
            mac(line, target_mac);
            put!(line, " at {target}");
        }
        other => put!(line, "operation {other}"),
    }
    put!(line, ", length {len}");
}
