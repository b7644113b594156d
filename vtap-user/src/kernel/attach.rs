//! Attaches the program to an interface.

use anyhow::{Context as _, Result, anyhow, bail};
use aya::{
    programs::{ProgramError, Xdp, XdpMode, links::FdLink, loaded_programs},
    util::KernelVersion,
};
use rustix::io::Errno;

use super::{
    Tap,
    explain::{errno, explain},
};
use crate::{cli, netlink::Interface};

/// A program at work. Dropping this detaches it, and so does the kernel when the process ends in
/// any way, because the link is held by a file descriptor alone.
pub struct Attached {
    _link: FdLink,
    /// `native` or `generic`.
    pub mode: &'static str,
    /// Why it is generic although native was preferred.
    pub fallback: Option<String>,
}

/// What fits one buffer of every driver, less an Ethernet header (mlx5 has the least room).
const ONE_BUFFER: u32 = 3498;

/// Attaches the program in the mode that is asked for.
pub fn attach(tap: &mut Tap, interface: &Interface, mode: cli::XdpMode) -> Result<Attached> {
    if let Some(id) = interface.xdp_program {
        bail!(already_there(interface, id));
    }
    let fragments = tap.takes_fragments() && !driver_drops_fragments(interface);
    let fits = fragments || interface.mtu <= ONE_BUFFER;
    let program = tap.program()?;
    match mode {
        cli::XdpMode::Auto if !fits => generic(program, interface, Some(too_large(interface.mtu))),
        cli::XdpMode::Native => link(program, interface, XdpMode::Driver)
            .map(|link| Attached { _link: link, mode: "native", fallback: None })
            .map_err(|error| {
                let why = refusal(&error);
                explain(error).context(format!(
                    "cannot attach natively to {}: {why}; try --xdp-mode generic",
                    interface.name
                ))
            }),
        cli::XdpMode::Generic => generic(program, interface, None),
        cli::XdpMode::Auto => match link(program, interface, XdpMode::Driver) {
            Ok(link) => Ok(Attached { _link: link, mode: "native", fallback: None }),
            Err(error) => generic(program, interface, Some(refusal(&error))),
        },
    }
}

fn generic(program: &mut Xdp, interface: &Interface, fallback: Option<String>) -> Result<Attached> {
    let link = link(program, interface, XdpMode::Skb)
        .map_err(explain)
        .with_context(|| format!("cannot attach to {}", interface.name))?;
    Ok(Attached { _link: link, mode: "generic", fallback })
}

fn link(program: &mut Xdp, interface: &Interface, mode: XdpMode) -> Result<FdLink, ProgramError> {
    let id = program.attach_to_if_index(interface.index, mode)?;
    // aya falls back to netlink where a link is refused as invalid. Such a program would outlive
    // a killed process, so it does not count as attached.
    let refused = || ProgramError::IOError(Errno::INVAL.into());
    program.take_link(id)?.try_into().map_err(|_| refused())
}

/// Whether the driver would take the program and then drop, untold, what does not fit a buffer:
/// `virtio_net` hands on fragments since Linux 6.3, and before that takes MTUs of up to 4,084 for
/// which `xdp_linearize_page` has no room.
fn driver_drops_fragments(interface: &Interface) -> bool {
    let driver = std::fs::read_link(format!("/sys/class/net/{}/device/driver", interface.name));
    let virtio = driver.is_ok_and(|driver| driver.ends_with("virtio_net"));
    virtio && KernelVersion::current().is_ok_and(|kernel| kernel < KernelVersion::new(6, 3, 0))
}

fn too_large(mtu: u32) -> String {
    format!(
        "this kernel and driver give native XDP only frames in one buffer, and with an MTU of \
         {mtu} not all are: {ONE_BUFFER} is the most"
    )
}

/// Why a driver refuses native mode. The kernel's own words go to its log only, so this says what
/// the error number stands for.
fn refusal(error: &ProgramError) -> String {
    match errno(error) {
        Some(Errno::OPNOTSUPP) => "the driver has no native XDP".into(),
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
