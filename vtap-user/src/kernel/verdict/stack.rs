//! What the network stack does with packets of an interface besides handing them to sockets:
//! forwarding, programs of traffic control, receiving for other hardware addresses.

use std::io;

use anyhow::{Context as _, Result};
use libc::{AF_BRIDGE, NDA_LLADDR, RTM_GETNEIGH, RTM_GETNETCONF, RTM_GETTFILTER};

use super::{Ground, User};
use crate::{
    kernel::bpf::tcx_programs,
    netlink::{
        attribute::{Payload, attributes, number},
        message::Message,
        request::Request,
    },
};

const INET: u8 = libc::AF_INET as u8;
const INET6: u8 = libc::AF_INET6 as u8;
// include/uapi/linux/netconf.h
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
const NETCONFA_MC_FORWARDING: u16 = 4;
const NETCONFA_FORCE_FORWARDING: u16 = 9;
/// All interfaces at once.
const ALL: u32 = u32::MAX;

/// Whether packets of either family that come in there are forwarded. IPv4 decides by the
/// interface; IPv6 by the setting for all, or from Linux 6.17 on by `force_forwarding`.
pub fn forwarding(ground: &Ground<'_>) -> Result<Option<User>> {
    let index = ground.interface.index;
    for (family, name, index) in
        [(INET, "IPv4", index), (INET6, "IPv6", ALL), (INET6, "IPv6", index)]
    {
        let forwards = forwards(family, index)
            .with_context(|| format!("cannot tell whether this host forwards {name}"))?;
        if forwards {
            let what = format!("this host forwards {name} from {}", ground.interface.name);
            return Ok(Some(User::new(what)));
        }
    }
    Ok(None)
}

fn forwards(family: u8, index: u32) -> io::Result<bool> {
    // `struct netconfmsg` is one byte.
    let payload = Payload::new(&[family, 0, 0, 0]).with(NETCONFA_IFINDEX, &index.to_ne_bytes());
    let request = Request { protocol: None, kind: RTM_GETNETCONF, payload: &payload };
    let forwards = request.get(|message| {
        let settings = message.payload.get(4..)?;
        let on = |(kind, value)| {
            [NETCONFA_FORWARDING, NETCONFA_MC_FORWARDING, NETCONFA_FORCE_FORWARDING].contains(&kind)
                && number(value) != Some(0)
        };
        Some(attributes(settings).any(on))
    });
    match forwards {
        Err(error) if is_absent(&error) => Ok(false),
        answer => answer,
    }
}

/// Whether the interface, or the kernel, has none of what was asked for.
fn is_absent(error: &io::Error) -> bool {
    let absent = [libc::EINVAL, libc::ENODEV, libc::EAFNOSUPPORT, libc::EOPNOTSUPP];
    error.raw_os_error().is_some_and(|number| absent.contains(&number))
}

/// The parent of filters of incoming packets: `TC_H_CLSACT` and `TC_H_MIN_INGRESS`. The `ingress`
/// discipline answers to it as well.
const INGRESS: u32 = 0xffff_fff2;
/// Bytes of `struct tcmsg`.
const TCMSG: usize = 20;

/// A program of traffic control that sees incoming packets.
pub fn traffic_control(ground: &Ground<'_>) -> Result<Option<User>> {
    let index = ground.interface.index;
    let mut fixed = [0; TCMSG];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[12..16].copy_from_slice(&INGRESS.to_ne_bytes());
    let payload = Payload::new(&fixed);
    let request = Request { protocol: None, kind: RTM_GETTFILTER, payload: &payload };
    let filters = match request.dump(|_| Some(())) {
        Err(error) if is_absent(&error) => 0,
        filters => filters.context("cannot list the filters of traffic control")?.len(),
    };
    let programs = tcx_programs(index).context("cannot list the tcx programs")?;
    let name = &ground.interface.name;
    Ok((filters > 0 || programs > 0).then(|| {
        User::new(format!("traffic control (tc) has filters for what comes in on {name}"))
    }))
}

/// Bytes of `struct ifinfomsg`, and of `struct ndmsg`.
const IFINFOMSG: usize = 16;
const NDMSG: usize = 12;
/// `NTF_SELF`: an entry of the device's own list.
const NTF_SELF: u8 = 1 << 1;

/// A hardware address that the interface receives for somebody else: a macvlan, ipvlan or macvtap
/// that may be in another network namespace, where its owner can't be seen.
pub fn addresses(ground: &Ground<'_>) -> Result<Option<User>> {
    let index = ground.interface.index;
    let mut fixed = [0; IFINFOMSG];
    fixed[0] = AF_BRIDGE as u8;
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    let payload = Payload::new(&fixed);
    let request = Request { protocol: None, kind: RTM_GETNEIGH, payload: &payload };
    let others = match request.dump(|message| other_address(message, index)) {
        Err(error) if is_absent(&error) => Vec::new(),
        others => others.context("cannot list the addresses that the interface receives")?,
    };
    let name = &ground.interface.name;
    Ok((!others.is_empty()).then(|| {
        User::new(format!(
            "{name} receives for another hardware address too, as for a macvlan or ipvlan (of a \
             container, perhaps)"
        ))
    }))
}

fn other_address(message: Message<'_>, index: u32) -> Option<()> {
    let (fixed, rest) = message.payload.split_first_chunk::<NDMSG>()?;
    let [_, _, _, _, i0, i1, i2, i3, _, _, flags, _] = *fixed;
    let (_, address) = attributes(rest).find(|(kind, _)| *kind == NDA_LLADDR)?;
    let is_multicast = address.first()? & 1 != 0;
    let of_interface = u32::from_ne_bytes([i0, i1, i2, i3]) == index && flags & NTF_SELF != 0;
    (of_interface && !is_multicast).then_some(())
}
