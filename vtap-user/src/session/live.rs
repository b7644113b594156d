//! A capture from an interface.

use std::io::{PipeWriter, pipe};

use anyhow::{Context as _, Result, anyhow};
use tokio::task::JoinHandle;
use vtap_common::abi::Counters;

use super::{
    Accounts,
    account::{Setting, StatsFile},
    both,
    pump::Pump,
    signals::Signals,
    sink::Sink,
};
use crate::{
    cli::Plan,
    cpus,
    device::Promiscuous,
    kernel::{self, Attached, TapSettings, verdict},
    netlink::{self, Change, Interface, Name, Watch},
    output,
    source::live::drain::Drain,
};

/// The memory that rings take by default: this much per CPU, and in all not more than that.
const RING_SIZE: u32 = 16 << 20;
const ALL_RINGS: u32 = 256 << 20;

/// Captures until the count is reached or a signal comes.
pub fn run(plan: &Plan, interface: &Name) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(live(plan, interface))
}

async fn live(plan: &Plan, name: &Name) -> Result<()> {
    let interfaces = netlink::interfaces()?;
    let interface = find(&interfaces, name)?;
    let name = &interface.name;
    let verdict = verdict::decide(plan.verdict, &plan.ports, &interfaces);
    kernel::check_free(interface)?;
    // Signals are waited for before there is anything to clean up.
    let signals = Signals::watch()?;
    let settings = TapSettings {
        selection: &plan.selection,
        pass: verdict.pass,
        snaplen: plan.snaplen,
        log_level: log::max_level(),
    };
    let (tap, rings) = kernel::load(&settings, plan.ring_size.unwrap_or_else(default_ring_size))?;
    let drain = Drain::new(rings.consumers()?);
    let watch = Watch::new(interface)?;
    // Files are opened before the program sees a packet, and what is in them is lost only after.
    let outputs = output::open(plan)?;
    let stats_file = plan.stats_json.as_deref().map(StatsFile::create).transpose()?;
    // It ends with the process, however that ends.
    let _promiscuous = plan.promiscuous.then(|| be_promiscuous(interface)).flatten();
    let attached =
        kernel::attach(tap, interface, plan.xdp_mode, !packets_come_from_a_process(interface))?;
    let setting = Setting {
        interface: name.to_string(),
        xdp_mode: attached.mode,
        verdict: verdict.name(),
        rules: plan.rules.clone(),
    };
    announce(&setting, &attached, &verdict.reason);
    if !interface.up {
        say!("vtap: {name} is down; packets come when it is up");
    }
    warn_of_mtu(attached.most_mtu, interface.mtu);
    if plan.verbose > 0 {
        say!("vtap: {}", attached.tap().path());
    }

    let accounts = Accounts::open(plan, setting, stats_file);
    let pump = Pump::new(drain, Sink::new(outputs, plan.count));
    let (pump, counters, result) = read_until_stopped(pump, attached, signals, watch).await?;
    accounts.close(&counters, pump.into_tally(), result)
}

fn find<'a>(interfaces: &'a [Interface], name: &Name) -> Result<&'a Interface> {
    interfaces.iter().find(|interface| interface.is_called(name)).ok_or_else(|| {
        let names: Vec<_> = interfaces.iter().map(|interface| interface.name.to_string()).collect();
        anyhow!("there is no interface `{name}`; there are {}", names.join(", "))
    })
}

/// Without it, on most interfaces only frames for other hosts are missing.
fn be_promiscuous(interface: &Interface) -> Option<Promiscuous> {
    let result = Promiscuous::new(interface.index);
    if let Err(error) = &result {
        say!(
            "vtap: cannot put {} into promiscuous mode ({error}): frames for other hardware \
             addresses may not arrive",
            interface.name
        );
    }
    result.ok()
}

fn default_ring_size() -> u32 {
    // As many as get a ring.
    ring_size(cpus::online().map_or(1, |cpus| cpus.len() as u32))
}

/// The largest power of two that is within both bounds.
fn ring_size(cpus: u32) -> u32 {
    let share = ALL_RINGS / cpus.max(1);
    RING_SIZE.min(1 << share.max(1).ilog2())
}

fn announce(setting: &Setting, attached: &Attached, verdict_reason: &str) {
    let Setting { interface, xdp_mode, verdict, .. } = setting;
    if let Some(reason) = &attached.fallback {
        say!("vtap: generic XDP, because {reason}");
    }
    say!(
        "vtap: capturing on {interface} ({xdp_mode} XDP); verdict on tunnel packets: {verdict} \
         ({verdict_reason})"
    );
}

/// Such packets do not come in polls.
fn packets_come_from_a_process(interface: &Interface) -> bool {
    interface.kind == "tun"
}

/// Where frames would be lost that are counted nowhere.
fn warn_of_mtu(most: Option<u32>, mtu: u32) {
    if most.is_some_and(|most| mtu > most) {
        // `virtnet_xdp_set` checks the MTU even where it is to take a program off.
        say!(
            "vtap: warning: {}; the driver may drop the others before they are counted, and keeps \
             the program when vtap ends: set the MTU back, stop vtap, and start it anew at the \
             greater MTU with --xdp-mode auto",
            kernel::too_large(mtu)
        );
    }
}

/// Reads in a thread of its own; on return the program is detached and every ring is empty.
async fn read_until_stopped(
    mut pump: Pump,
    attached: Attached,
    signals: Signals,
    mut watch: Watch,
) -> Result<(Pump, Counters, Result<()>)> {
    let (stopped, stop) = pipe().context("cannot make a pipe")?;
    let mut reading = tokio::task::spawn_blocking(move || {
        let result = pump.run(&stopped);
        (pump, result)
    });
    let mut read = None;
    let reason = tokio::select! {
        done = &mut reading => {
            read = Some(done?);
            Ok(())
        }
        waited = signals.first() => waited.context("cannot wait for signals"),
        gone = until_gone(&mut watch, attached.most_mtu) => Err(gone),
    };
    let counters = attached.detach()?;
    let (mut pump, result) = match read {
        Some(read) => read,
        None => stop_reading(stop, reading).await?,
    };
    let result = both(pump.finish(result), reason);
    Ok((pump, counters, result))
}

/// Tells of what happens to the interface, until there is nothing to capture from.
async fn until_gone(watch: &mut Watch, most_mtu: Option<u32>) -> anyhow::Error {
    loop {
        let name = watch.name().to_owned();
        let change = match watch.change().await {
            Ok(change) => change,
            Err(error) => return error,
        };
        match change {
            Change::Down => {
                say!("vtap: {name} is down; the capture goes on when it is up again");
            }
            Change::Up => say!("vtap: {name} is up again"),
            Change::Renamed(new) => say!("vtap: {name} is now called {new}"),
            Change::Mtu(mtu) => {
                say!("vtap: {name} has an MTU of {mtu} now");
                warn_of_mtu(most_mtu, mtu);
            }
            Change::Xdp(_) | Change::Links => {}
            Change::Gone => {
                return anyhow!(
                    "{name} is gone: it was deleted, or moved to another network namespace; what \
                     it had received until then is accounted for"
                );
            }
        }
    }
}

async fn stop_reading<T>(stop: PipeWriter, reading: JoinHandle<T>) -> Result<T> {
    drop(stop);
    Ok(reading.await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_take_a_bounded_part_of_the_memory() {
        for (cpus, size) in [(1, 16 << 20), (16, 16 << 20), (24, 8 << 20), (64, 4 << 20)] {
            assert_eq!(ring_size(cpus), size, "{cpus} CPUs");
        }
        assert_eq!(ring_size(1024), 256 << 10);
        assert!((1..=1024).all(|cpus| ring_size(cpus) * cpus <= ALL_RINGS));
    }
}
