//! Attaches the program to an interface.

use std::{io, os::fd::OwnedFd};

use anyhow::{Context as _, Result, anyhow};
use aya::{
    programs::{ProgramFd, loaded_programs},
    util::KernelVersion,
};
use aya_obj::generated::{XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
use rustix::io::Errno;
use vtap_common::abi::Counters;

use super::{
    Tap,
    bpf::{create_xdp_link, find_xdp_link, update_link, xdp_link_info},
    explain::{errno, explain},
    generation::Frames,
    quiesce::wait_for_running_programs,
};
use crate::{
    device,
    netlink::{self, Interface, Name},
    plan,
};

/// A program at work. Dropping this detaches it, and so does the kernel when the process ends in
/// any way, because the link is held by a file descriptor alone.
pub struct Attached {
    link: OwnedFd,
    interface: u32,
    /// The generation that runs.
    tap: Tap,
    /// What earlier generations counted.
    past: Counters,
    share_clock: bool,
    frames: Frames,
    /// `native` or `generic`.
    pub mode: &'static str,
    /// Why it is generic although native was preferred.
    pub fallback: Option<String>,
    /// Above this MTU, frames may be lost that are counted nowhere.
    pub most_mtu: Option<u32>,
}

impl Attached {
    /// The generation that runs.
    #[must_use]
    pub const fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Lets the next generation take over. Every packet is seen by one of the two, and what the old
    /// one counted stays in the sums. If this fails, the old one goes on.
    pub fn replace(&mut self, mut next: Tap) -> Result<()> {
        next.start_companions(self.share_clock)?;
        next.expect(self.frames)?;
        let program = next.program()?.fd()?.try_clone()?;
        update_link(&self.link, &program)
            .map_err(|error| explain(&error))
            .context("cannot replace the XDP program")?;
        let old = std::mem::replace(&mut self.tap, next);
        wait_for_running_programs();
        self.past.add(&old.counters()?);
        Ok(())
    }

    /// What all generations have counted so far.
    pub fn counters(&self) -> Result<Counters> {
        let mut sum = self.past;
        sum.add(&self.tap.counters()?);
        Ok(sum)
    }

    /// Whether packets still reach the program, or who took them away.
    pub fn link_state(&self) -> Result<LinkState> {
        let info = xdp_link_info(&self.link).context("cannot look at the XDP link")?;
        let info = info.context("the kernel says that vtap's XDP link is none")?;
        Ok(if info.interface == 0 {
            LinkState::Detached
        } else if info.program != self.tap.id()? {
            LinkState::Replaced { by: info.program }
        } else {
            LinkState::Attached
        })
    }

    /// What becomes of tunnel packets now: `pass` or `drop`.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        if self.tap.passes() { "pass" } else { "drop" }
    }

    /// Index of the interface, in its network namespace.
    #[must_use]
    pub const fn interface(&self) -> u32 {
        self.interface
    }

    /// Detaches the program, and returns what was counted. After this, nothing is written to the
    /// rings any more.
    pub fn detach(self) -> Result<Counters> {
        let Self { link, tap, mut past, .. } = self;
        drop(link);
        wait_for_running_programs();
        past.add(&tap.counters()?);
        Ok(past)
    }
}

/// Whether packets reach the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// They do.
    Attached,
    /// Somebody has detached it, or the interface is gone.
    Detached,
    /// Somebody has put another program in its place.
    Replaced {
        /// That program's id.
        by: u32,
    },
}

const NATIVE: &str = "native";
const GENERIC: &str = "generic";

/// What fits one buffer of every driver, less an Ethernet header (mlx5 has the least room).
const ONE_BUFFER: u32 = 3498;

/// An interface takes one program.
pub fn check_free(interface: &Interface) -> Result<()> {
    interface.xdp.any().map_or(Ok(()), |id| Err(already_there(interface, id)))
}

/// Attaches the program in the mode that is asked for. With `share_clock`, packets that a driver
/// hands over in one poll share a reading of the clock.
pub fn attach(
    mut tap: Tap,
    interface: &Interface,
    mode: plan::XdpMode,
    share_clock: bool,
) -> Result<Attached> {
    let kernel = KernelVersion::current().context("cannot tell the kernel's version")?;
    let most_mtu = most_mtu(tap.takes_fragments(), is_virtio(interface), kernel);
    let fits = most_mtu.is_none_or(|most| interface.mtu <= most);
    tap.start_companions(share_clock)?;
    let attached = |tap, link, frames, mode, fallback, most_mtu| Attached {
        link,
        interface: interface.index,
        tap,
        past: Counters::ZERO,
        share_clock,
        frames,
        mode,
        fallback,
        most_mtu,
    };
    let fallback = match mode {
        plan::XdpMode::Generic => None,
        plan::XdpMode::Auto if !fits => Some(too_large(interface.mtu)),
        plan::XdpMode::Auto | plan::XdpMode::Native => {
            let frames = native_frames(interface);
            tap.expect(frames)?;
            match link(&program_of(&mut tap)?, interface, XDP_FLAGS_DRV_MODE)? {
                Ok(link) => return Ok(attached(tap, link, frames, NATIVE, None, most_mtu)),
                Err(error) if mode == plan::XdpMode::Native => {
                    let why = refusal(&error);
                    return Err(explain(&error).context(format!(
                        "cannot attach natively to {}: {why}; try --xdp-mode generic",
                        interface.name
                    )));
                }
                Err(error) => Some(refusal(&error)),
            }
        }
    };
    tap.expect(Frames::Noted)?;
    let link = link(&program_of(&mut tap)?, interface, XDP_FLAGS_SKB_MODE)?
        .map_err(|error| explain(&error))
        .with_context(|| format!("cannot attach to {}", interface.name))?;
    Ok(attached(tap, link, Frames::Noted, GENERIC, fallback, None))
}

/// What native mode lets through. tun takes merged datagrams from the process that sends them
/// (`TUN_F_USO4`, Linux 6.2). It runs a native program on them in the way of generic mode, before the
/// tracepoint (`tun_get_user` in `drivers/net/tun.c`).
fn native_frames(interface: &Interface) -> Frames {
    if interface.kind == "tun" { Frames::Unknown } else { Frames::Single }
}

/// A descriptor of the program that is loaded.
fn program_of(tap: &mut Tap) -> Result<ProgramFd> {
    tap.program()?.fd()?.try_clone().context("cannot keep the XDP program open")
}

/// Of the two errors, the outer one does not depend on the mode.
fn link(program: &ProgramFd, interface: &Interface, flags: u32) -> Result<io::Result<OwnedFd>> {
    let link = create_xdp_link(program, interface.index, flags);
    if let Err(error) = &link
        && matches!(errno(error), Some(Errno::BUSY | Errno::EXIST))
    {
        // Another was faster, unless the driver is busy for reasons of its own.
        let now = netlink::interfaces()?;
        let now = now.iter().find(|now| now.index == interface.index);
        now.map_or(Ok(()), check_free)?;
    }
    Ok(link)
}

/// The greatest MTU at which all frames reach a native program, if there is one. A program for
/// frames in one piece takes no other. And `virtio_net` hands on fragments since Linux 6.3; before
/// that it takes programs and then drops, untold, what does not fit a buffer: it lets MTUs of up to
/// 4,084 pass for which `xdp_linearize_page` has no room, and any when it is changed later.
fn most_mtu(takes_fragments: bool, virtio: bool, kernel: KernelVersion) -> Option<u32> {
    let driver_drops = virtio && kernel < KernelVersion::new(6, 3, 0);
    (!takes_fragments || driver_drops).then_some(ONE_BUFFER)
}

fn is_virtio(interface: &Interface) -> bool {
    device::driver(&interface.name).is_ok_and(|driver| driver == "virtio_net")
}

/// Why an MTU is too great for native mode.
#[must_use]
pub fn too_large(mtu: u32) -> String {
    format!(
        "this kernel and driver give native XDP only frames in one buffer, and with an MTU of \
         {mtu} not all are: {ONE_BUFFER} is the most"
    )
}

/// Why a driver refuses native mode. The kernel's own words go to its log only, so this says what
/// the error number stands for.
fn refusal(error: &io::Error) -> String {
    match errno(error) {
        Some(Errno::OPNOTSUPP) => "the driver has no native XDP, or not with its present MTU or \
                                   offloads (LRO, GRO_HW)"
            .into(),
        Some(Errno::INVAL) => "the driver refuses native XDP with the present settings: often the \
                               MTU is too great, or LRO is on"
            .into(),
        Some(Errno::BUSY) => "the driver is busy, or another XDP program is attached".into(),
        Some(Errno::NOMEM | Errno::NOSPC) => "the driver has too few queues left for XDP".into(),
        Some(errno) => format!("the driver refuses native XDP ({errno})"),
        None => format!("the driver refuses native XDP ({error})"),
    }
}

fn already_there(interface: &Interface, id: u32) -> anyhow::Error {
    let program = loaded_programs().filter_map(Result::ok).find(|program| program.id() == id);
    let name = program.and_then(|program| program.name_as_str().map(str::to_owned));
    let name = name.map_or_else(|| "of unknown name".into(), |name| format!("`{name}`"));
    let dev = &interface.name;
    let link = find_xdp_link(interface.index, id).map(|link| link.map(|link| link.id));
    let remedy = remedy(dev, &link);
    anyhow!(
        "{dev} already has an XDP program, {name} (id {id}), and an interface takes one: {remedy}"
    )
}

/// How to take a program off `dev`. What a link holds, `ip link` can't detach, and the kernel shows
/// links only to a process with `CAP_SYS_ADMIN`.
fn remedy(dev: &Name, link: &io::Result<Option<u32>>) -> String {
    let netlink = format!("`ip link set dev {dev} xdp off`, or `xdpgeneric off` if it is generic");
    match link {
        Ok(Some(id)) => format!(
            "stop the process that holds it (`bpftool link show id {id}` tells which), or detach it \
             with `bpftool link detach id {id}`"
        ),
        Ok(None) => format!("detach it with {netlink}"),
        Err(_) => format!(
            "detach it with `bpftool link detach id N`, where `bpftool link` lists it with an N, \
             else with {netlink}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_not_detached_like_a_netlink_program() {
        let dev = Name::new(b"ens3");
        let of_link = remedy(&dev, &Ok(Some(7)));
        assert!(of_link.contains("bpftool link detach id 7") && !of_link.contains("ip link set"));
        let of_netlink = remedy(&dev, &Ok(None));
        assert!(of_netlink.contains("ip link set dev ens3 xdp off"), "{of_netlink}");
        assert!(!of_netlink.contains("bpftool"), "{of_netlink}");
        let unknown = remedy(&dev, &Err(Errno::PERM.into()));
        assert!(unknown.contains("bpftool link detach id N") && unknown.contains("xdp off"));
    }

    #[test]
    fn mtus_that_lose_frames_natively() {
        let kernel = KernelVersion::new;
        for (takes_fragments, virtio, kernel, most) in [
            (false, false, kernel(5, 10, 0), Some(ONE_BUFFER)),
            (false, true, kernel(5, 10, 0), Some(ONE_BUFFER)),
            (true, false, kernel(6, 1, 0), None),
            (true, true, kernel(6, 1, 99), Some(ONE_BUFFER)),
            (true, true, kernel(6, 3, 0), None),
        ] {
            assert_eq!(most_mtu(takes_fragments, virtio, kernel), most, "{kernel}");
        }
    }
}
