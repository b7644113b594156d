//! IPv6 (RFC 8200).

mod extensions;

use network_types::ip::Ipv6Hdr;

pub use self::extensions::{Extensions, MAX_EXTENSIONS, extension_len, follow, is_extension};
use super::{
    Damaged,
    address::Address,
    frame::{Frame, Header},
    network::{Fragment, Network, Protocol},
};

/// Reads the header at `offset` and the extension headers after it.
#[inline(always)]
pub fn parse<F: Frame>(frame: &F, offset: u32) -> Network {
    let Some(header) = frame.header::<Ipv6Hdr>(offset) else {
        return Network::unreadable(Damaged::Ipv6);
    };
    if header.version() != 6 {
        return Network::unreadable(Damaged::Ipv6);
    }
    let payload = offset + <Ipv6Hdr as Header>::LEN;
    let payload_len = u32::from(header.payload_len());
    let mut network = Network {
        src: Address::v6(header.src_addr),
        dst: Address::v6(header.dst_addr),
        protocol: Protocol(u32::from(header.next_hdr)),
        payload,
        end: if payload_len == 0 { 0 } else { payload + payload_len },
        fragment: Fragment::NO,
        damaged: None,
    };
    if is_extension(network.protocol) {
        let end = network.present_end(frame.len());
        let extensions = frame.follow_extensions(payload, network.protocol, end);
        network.payload = extensions.payload();
        network.protocol = extensions.protocol();
        network.fragment = extensions.fragment();
        network.damaged = extensions.damaged().then_some(Damaged::Ipv6Extension);
    }
    network
}
