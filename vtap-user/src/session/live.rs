//! A capture from an interface.
//!
//! Whatever can fail comes before the program is attached, as far as that is possible: threads,
//! sockets, files. What is told at the start is in [`start`], what happens to the interface
//! meanwhile in [`watch`].

mod behind;
mod start;
mod watch;

use anyhow::{Context as _, Result};
use vtap_common::wire::LinkLayer;

use super::{
    Accounts,
    account::{Setting, StatsFile},
    both,
    pump::{Pump, Pumped},
    sink::Sink,
};
use crate::{
    cancel::Cancel,
    device,
    kernel::{self, Keeper, TapSettings, verdict},
    netlink::{self, Name, Watch},
    output,
    plan::Plan,
    signals,
    source::{frames::Frames, live::drain::Drain},
};

/// Captures until the end begins: with a signal, with the last packet that is asked for, or because
/// something is gone.
pub fn run(plan: &Plan, interface: &Name, cancel: &Cancel) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot make what waits for the kernel (epoll, a timer)")?;
    runtime.block_on(live(plan, interface, cancel))
}

async fn live(plan: &Plan, name: &Name, cancel: &Cancel) -> Result<()> {
    let interfaces = netlink::interfaces()?;
    let interface = start::find(&interfaces, name)?;
    let verdict = verdict::decide(plan.verdict, &plan.ports, interface.index);
    kernel::check_free(interface)?;
    let link_layer = device::link_layer(interface)?;
    // Signals are waited for before there is anything to clean up.
    signals::watch(cancel).context("cannot wait for signals")?;
    let settings = TapSettings {
        selection: &plan.selection,
        pass: verdict.pass,
        snaplen: plan.snaplen,
        bare_ip: link_layer == LinkLayer::Ip,
        log_level: log::max_level(),
    };
    let ring_size = plan.ring_size.unwrap_or_else(start::default_ring_size);
    let (mut tap, rings) = kernel::load(&settings, ring_size)?;
    let drain = Drain::new(rings.consumers()?);
    let clock = start::clock(&mut tap);
    let mut watch = Watch::new(interface)?;
    // Files are opened before the program sees a packet, and what is in them is lost only after.
    let stats_file = plan.stats_json.as_deref().map(StatsFile::create).transpose()?;
    let lanes = output::open(plan, cancel)?;
    let sink = Sink::new(lanes, plan.count, cancel.clone());
    let status = sink.status();
    let frames = Frames::of_interface(interface, link_layer, &plan.selection, plan.snaplen);
    let pump = Pump::new(drain, clock, frames, sink, cancel.clone()).spawn()?;
    let ending = cancel.begun().context("cannot wait for signals")?;
    let (asked, ports, index) = (plan.verdict, &plan.ports, interface.index);
    let mut keeper = Keeper::start(asked, ports, &settings, &tap, rings, index)?;

    // It ends with the process, however that ends.
    let _promiscuous = plan.promiscuous.then(|| start::be_promiscuous(interface)).flatten();
    let polls = !start::packets_come_from_a_process(interface);
    let mut attached = kernel::attach(tap, interface, plan.xdp_mode, polls)?;
    let setting = Setting {
        interface: interface.name.to_string(),
        xdp_mode: attached.mode,
        verdict: verdict.name(),
        rules: plan.rules.clone(),
    };
    start::announce(&setting, &attached, interface, &verdict.reason());
    if plan.verbose > 0 {
        say!("vtap: {}", attached.tap().path());
    }
    let mut accounts = Accounts::open(plan, setting, stats_file, cancel.clone());
    pump.start();

    let reason = tokio::select! {
        waited = ending.wait() => waited.context("cannot wait for signals"),
        gone = watch::until_gone(&mut watch, &mut keeper, &mut attached) => Err(gone),
        never = behind::tell(&status) => match never {},
    };
    cancel.begin();
    accounts.setting.verdict = attached.verdict();
    let in_kernel = attached.detach();
    let Pumped { tally, mut counters, outputs, result } = pump.finish().await?;
    counters.add(&in_kernel?);
    accounts.close(&counters, tally, &outputs, both(result, reason))
}
