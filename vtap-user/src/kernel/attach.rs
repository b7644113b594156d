//! Attaches the program to an interface.

use anyhow::{Context as _, Result, anyhow};
use aya::{
    programs::{ProgramError, Xdp, XdpMode, links::FdLink, loaded_programs},
    util::KernelVersion,
};
use rustix::io::Errno;

use super::{
    Tap,
    explain::{errno, explain},
};
use crate::{
    cli,
    netlink::{self, Interface},
};

/// A program at work. Dropping this detaches it, and so does the kernel when the process ends in
/// any way, because the link is held by a file descriptor alone.
pub struct Attached {
    _link: FdLink,
    /// `native` or `generic`.
    pub mode: &'static str,
    /// Why it is generic although native was preferred.
    pub fallback: Option<String>,
    /// Above this MTU, frames may be lost that are counted nowhere.
    pub most_mtu: Option<u32>,
}

/// What fits one buffer of every driver, less an Ethernet header (mlx5 has the least room).
const ONE_BUFFER: u32 = 3498;

/// An interface takes one program.
pub fn check_free(interface: &Interface) -> Result<()> {
    interface.xdp.any().map_or(Ok(()), |id| Err(already_there(interface, id)))
}

/// Attaches the program in the mode that is asked for.
pub fn attach(tap: &mut Tap, interface: &Interface, mode: cli::XdpMode) -> Result<Attached> {
    let kernel = KernelVersion::current().context("cannot tell the kernel's version")?;
    let most_mtu = most_mtu(tap.takes_fragments(), is_virtio(interface), kernel);
    let fits = most_mtu.is_none_or(|most| interface.mtu <= most);
    let program = tap.program()?;
    let fallback = match mode {
        cli::XdpMode::Generic => None,
        cli::XdpMode::Auto if !fits => Some(too_large(interface.mtu)),
        cli::XdpMode::Auto | cli::XdpMode::Native => {
            match link(program, interface, XdpMode::Driver)? {
                Ok(link) => {
                    return Ok(Attached { _link: link, mode: "native", fallback: None, most_mtu });
                }
                Err(error) if mode == cli::XdpMode::Native => {
                    let why = refusal(&error);
                    return Err(explain(error).context(format!(
                        "cannot attach natively to {}: {why}; try --xdp-mode generic",
                        interface.name
                    )));
                }
                Err(error) => Some(refusal(&error)),
            }
        }
    };
    let link = link(program, interface, XdpMode::Skb)?
        .map_err(explain)
        .with_context(|| format!("cannot attach to {}", interface.name))?;
    Ok(Attached { _link: link, mode: "generic", fallback, most_mtu: None })
}

/// Of the two errors, the outer one does not depend on the mode.
fn link(
    program: &mut Xdp,
    interface: &Interface,
    mode: XdpMode,
) -> Result<Result<FdLink, ProgramError>> {
    let id = match program.attach_to_if_index(interface.index, mode) {
        Ok(id) => id,
        Err(error) => {
            if matches!(errno(&error), Some(Errno::BUSY | Errno::EXIST)) {
                // Another was faster, unless the driver is busy for reasons of its own.
                let now = netlink::interfaces()?;
                let now = now.iter().find(|now| now.index == interface.index);
                now.map_or(Ok(()), check_free)?;
            }
            return Ok(Err(error));
        }
    };
    let Ok(link) = program.take_link(id)?.try_into() else {
        // aya falls back to netlink where a link is refused as invalid. Such a program would
        // outlive a killed process, so it does not count as attached, and aya just forgets it.
        netlink::detach_xdp(interface.index, mode == XdpMode::Driver)?;
        return Ok(Err(ProgramError::IOError(Errno::INVAL.into())));
    };
    Ok(Ok(link))
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
    let driver = std::fs::read_link(format!("/sys/class/net/{}/device/driver", interface.name));
    driver.is_ok_and(|driver| driver.ends_with("virtio_net"))
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
fn refusal(error: &ProgramError) -> String {
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
    anyhow!(
        "{dev} already has an XDP program, {name} (id {id}), and an interface takes one: stop what \
         attached it (`bpftool link` and `bpftool net` tell), or detach it with `ip link set dev \
         {dev} xdp off`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
