//! What the frames of an interface begin with, where an XDP program sees them.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use aya::util::KernelVersion;
use libc::{
    ARPHRD_CAN, ARPHRD_ETHER, ARPHRD_IEEE80211, ARPHRD_IEEE80211_PRISM, ARPHRD_IEEE80211_RADIOTAP,
    ARPHRD_INFINIBAND, ARPHRD_IPGRE, ARPHRD_LOOPBACK, ARPHRD_NONE, ARPHRD_PPP, ARPHRD_SIT,
    ARPHRD_TUNNEL, ARPHRD_TUNNEL6,
};
use vtap_common::wire::LinkLayer;

use crate::netlink::Interface;

// include/uapi/linux/if_arp.h
const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;
const ARPHRD_NETLINK: u16 = 824;
const ARPHRD_VSOCKMON: u16 = 826;

/// How its frames begin; the error says why vtap can't read them.
pub fn link_layer(interface: &Interface) -> Result<LinkLayer> {
    let kernel = KernelVersion::current().context("cannot tell the kernel's version")?;
    of(interface, kernel).with_context(|| format!("cannot capture on {}", interface.name))
}

fn of(interface: &Interface, kernel: KernelVersion) -> Result<LinkLayer> {
    match interface.link_type {
        // The kernel hands a packet to the VRF device only after XDP programs have run.
        ARPHRD_ETHER if interface.kind == "vrf" => {
            bail!("XDP programs see no packet that arrives at a VRF device: name a port of it")
        }
        ARPHRD_ETHER | ARPHRD_LOOPBACK => Ok(LinkLayer::Ethernet),
        ARPHRD_NONE | ARPHRD_PPP | ARPHRD_RAWIP | ARPHRD_TUNNEL | ARPHRD_TUNNEL6 | ARPHRD_SIT
        | ARPHRD_IPGRE | ARPHRD_IP6GRE => {
            check_begin(interface, kernel)?;
            Ok(LinkLayer::Ip)
        }
        other => bail!(
            "its frames begin with {}, and vtap reads Ethernet and IP",
            header(other).unwrap_or(&format!("a header of link type {other}"))
        ),
    }
}

/// An XDP program sees a frame from where the link header begins according to the kernel. After some
/// tunnels have taken off their header, that place still lies before it.
fn check_begin(interface: &Interface, kernel: KernelVersion) -> Result<()> {
    let kind = interface.kind.as_str();
    match kind {
        // IPsec moves the link header of the interface below to the inner packet.
        "vti" | "vti6" | "xfrm" => {
            bail!(
                "the frames of an interface of kind {kind} begin with a header that depends on \
                   where the packet came from"
            )
        }
        // `ipgre_header_ops` in net/ipv4/ip_gre.c.
        "gre" if interface.link_type == ARPHRD_IPGRE && !has_one_remote(interface) => {
            bail!("the frames of a GRE tunnel without a remote address begin with the outer header")
        }
        // "net: reset MAC header consistently across L3 virtual devices" came with 5.14.
        "ipip" | "sit" | "ip6tnl" | "gre" | "ip6gre" | "bareudp" | "gtp"
            if interface.link_type != ARPHRD_NONE || kind == "bareudp" || kind == "gtp" =>
        {
            if kernel < KernelVersion::new(5, 14, 0) {
                bail!(
                    "before Linux 5.14, the frames of an interface of kind {kind} begin with what \
                     the packet came in; this kernel is {kernel}"
                );
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Whether a tunnel over IPv4 ends at one address.
fn has_one_remote(interface: &Interface) -> bool {
    let remote = interface.broadcast.first_chunk().map(|address| Ipv4Addr::from(*address));
    remote.is_some_and(|remote| !remote.is_unspecified() && !remote.is_multicast())
}

/// The header that a link type stands for.
fn header(link_type: u16) -> Option<&'static str> {
    Some(match link_type {
        ARPHRD_INFINIBAND => "an InfiniBand header",
        ARPHRD_IEEE80211 | ARPHRD_IEEE80211_PRISM | ARPHRD_IEEE80211_RADIOTAP => {
            "an IEEE 802.11 header (monitor mode)"
        }
        ARPHRD_CAN => "a CAN header",
        ARPHRD_NETLINK => "a netlink header",
        ARPHRD_VSOCKMON => "a vsock header",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(kind: &str, link_type: u16) -> Interface {
        Interface { kind: kind.into(), link_type, ..Interface::default() }
    }

    #[test]
    fn what_is_read() {
        let (old, new) = (KernelVersion::new(5, 10, 0), KernelVersion::new(5, 14, 0));
        for (kind, link_type, before, since) in [
            ("", ARPHRD_ETHER, Some(LinkLayer::Ethernet), Some(LinkLayer::Ethernet)),
            ("", ARPHRD_LOOPBACK, Some(LinkLayer::Ethernet), Some(LinkLayer::Ethernet)),
            ("tun", ARPHRD_NONE, Some(LinkLayer::Ip), Some(LinkLayer::Ip)),
            ("wireguard", ARPHRD_NONE, Some(LinkLayer::Ip), Some(LinkLayer::Ip)),
            ("ppp", ARPHRD_PPP, Some(LinkLayer::Ip), Some(LinkLayer::Ip)),
            ("gre", ARPHRD_NONE, Some(LinkLayer::Ip), Some(LinkLayer::Ip)),
            ("ipip", ARPHRD_TUNNEL, None, Some(LinkLayer::Ip)),
            ("sit", ARPHRD_SIT, None, Some(LinkLayer::Ip)),
            ("bareudp", ARPHRD_NONE, None, Some(LinkLayer::Ip)),
            ("vti", ARPHRD_TUNNEL, None, None),
            ("xfrm", ARPHRD_NONE, None, None),
            ("vrf", ARPHRD_ETHER, None, None),
            ("gre", ARPHRD_IPGRE, None, None),
            ("", ARPHRD_INFINIBAND, None, None),
            ("", 0xfff0, None, None),
        ] {
            let interface = interface(kind, link_type);
            assert_eq!(of(&interface, old).ok(), before, "{kind} {link_type} before 5.14");
            assert_eq!(of(&interface, new).ok(), since, "{kind} {link_type}");
        }
    }

    #[test]
    fn ends_of_a_gre_tunnel() {
        let kernel = KernelVersion::new(6, 1, 0);
        for (remote, read) in [([10, 0, 0, 1], true), ([0; 4], false), ([224, 0, 0, 1], false)] {
            let broadcast = remote.to_vec();
            let gre = Interface { broadcast, ..interface("gre", ARPHRD_IPGRE) };
            assert_eq!(of(&gre, kernel).is_ok(), read, "{remote:?}");
        }
    }
}
