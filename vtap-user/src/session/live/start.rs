//! What is decided and told at the start.

use anyhow::{Result, anyhow};

use crate::{
    cpus,
    device::Promiscuous,
    kernel::{Attached, Tap},
    netlink::{Interface, Name},
    session::account::Setting,
    source::live::clock::Clock,
};

/// The memory that rings take by default: this much per CPU, and in all not more than that.
const RING_SIZE: u32 = 16 << 20;
const ALL_RINGS: u32 = 256 << 20;

/// Interfaces that a message names at most.
const NAMED: usize = 20;

/// The interface of this name, or alternative name.
pub fn find<'a>(interfaces: &'a [Interface], name: &Name) -> Result<&'a Interface> {
    interfaces.iter().find(|interface| interface.is_called(name)).ok_or_else(|| {
        let mut names: Vec<_> =
            interfaces.iter().take(NAMED).map(|interface| interface.name.to_string()).collect();
        if let more @ 1.. = interfaces.len().saturating_sub(NAMED) {
            names.push(format!("and {more} more"));
        }
        anyhow!("there is no interface `{name}`; there are {}", names.join(", "))
    })
}

/// Asks for promiscuous mode. If that is refused the capture goes on: on most interfaces, only frames
/// for other hosts are missing then.
pub fn be_promiscuous(interface: &Interface) -> Option<Promiscuous> {
    let result = Promiscuous::new(interface.index);
    if let Err(error) = &result {
        say!(
            "vtap: cannot put {} into promiscuous mode ({error}): frames for other hardware \
             addresses may not arrive. It takes CAP_NET_RAW; -p does without",
            interface.name
        );
    }
    result.ok()
}

/// The clock of the records that the program writes.
pub fn clock(tap: &mut Tap) -> Clock {
    let ahead = tap.clock_ahead().unwrap_or_else(|error| {
        say!(
            "vtap: warning: cannot compare this process's clock with the kernel's ({error:#}); in a \
             time namespace, times of packets are wrong"
        );
        0
    });
    Clock::new(ahead)
}

/// Bytes of a ring, unless they are given.
pub fn default_ring_size() -> u32 {
    // Those of the others are small.
    ring_size(cpus::online().map_or(1, |cpus| cpus.len() as u32))
}

/// The largest power of two that is within both bounds.
fn ring_size(cpus: u32) -> u32 {
    let share = ALL_RINGS / cpus.max(1);
    RING_SIZE.min(1 << share.max(1).ilog2())
}

/// Says where and how the capture runs.
pub fn announce(
    setting: &Setting,
    attached: &Attached,
    interface: &Interface,
    verdict_reason: &str,
) {
    let Setting { interface: name, xdp_mode, verdict, .. } = setting;
    if let Some(reason) = &attached.fallback {
        say!("vtap: generic XDP, because {reason}");
    }
    say!(
        "vtap: capturing on {name} ({xdp_mode} XDP); verdict on tunnel packets: {verdict} \
         ({verdict_reason})"
    );
    if !interface.up {
        say!("vtap: {name} is down; packets come when it is up");
    }
    super::watch::warn_of_mtu(attached.most_mtu, interface.mtu);
}

/// Such packets do not come in polls.
pub fn packets_come_from_a_process(interface: &Interface) -> bool {
    interface.kind == "tun"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_very_many_interfaces_are_named() {
        let mut interfaces = vec![Interface::default(); NAMED];
        let error = |interfaces: &[Interface]| {
            find(interfaces, &Name::new(b"none")).unwrap_err().to_string()
        };
        interfaces[0].name = Name::new(b"ens3");
        assert!(!error(&interfaces).contains("more"));
        interfaces.resize(NAMED + 3000, Interface::default());
        let error = error(&interfaces);
        assert!(error.contains("ens3") && error.ends_with("and 3000 more"), "{error}");
    }

    #[test]
    fn rings_take_a_bounded_part_of_the_memory() {
        for (cpus, size) in [(1, 16 << 20), (16, 16 << 20), (24, 8 << 20), (64, 4 << 20)] {
            assert_eq!(ring_size(cpus), size, "{cpus} CPUs");
        }
        assert_eq!(ring_size(1024), 256 << 10);
        assert!((1..=1024).all(|cpus| ring_size(cpus) * cpus <= ALL_RINGS));
    }
}
