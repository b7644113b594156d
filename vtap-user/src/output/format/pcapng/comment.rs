//! The tunnel of a packet in words: `vni 7 (10.0.1.2.50000 > 10.0.1.3), queue 0`.

use std::io::Write as _;

use vtap_common::wire::Address;

use crate::packet::Tunnel;

/// Appends the network identifier alone.
pub fn put_vni(text: &mut Vec<u8>, vni: u32) {
    // Writing to memory can't fail.
    let _ = write!(text, "vni {vni}");
}

/// Appends all that is known of a tunnel.
pub fn put_tunnel(text: &mut Vec<u8>, tunnel: &Tunnel) {
    let Tunnel { vni, src, dst, src_port, queue } = *tunnel;
    put_vni(text, vni);
    text.extend_from_slice(b" (");
    put_address(text, src);
    let _ = write!(text, ".{src_port} > ");
    put_address(text, dst);
    text.push(b')');
    if let Some(queue) = queue {
        let _ = write!(text, ", queue {queue}");
    }
}

fn put_address(text: &mut Vec<u8>, address: Address) {
    let _ = match address.to_ip() {
        Some(address) => write!(text, "{address}"),
        None => write!(text, "?"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_all_of_a_tunnel() {
        let v6 = |last| Address::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        for (src, dst, queue, words) in [
            (
                Address::v4([10, 0, 1, 2]),
                Address::v4([10, 0, 1, 3]),
                Some(3),
                "vni 16777215 (10.0.1.2.50000 > 10.0.1.3), queue 3",
            ),
            (v6(1), v6(2), None, "vni 16777215 (2001:db8::1.50000 > 2001:db8::2)"),
        ] {
            let mut text = Vec::new();
            put_tunnel(&mut text, &Tunnel { vni: 0xff_ffff, src, dst, src_port: 50_000, queue });
            assert_eq!(String::from_utf8(text).unwrap(), words);
        }
    }
}
