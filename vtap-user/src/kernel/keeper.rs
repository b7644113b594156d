//! Looks after a program at work: whether packets still reach it, and whether its verdict is still
//! the right one.

mod worker;

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::time::{Instant, sleep_until};

use self::worker::Worker;
use super::{Attached, LinkState, Rings, Tap, TapSettings, verdict::Decision};
use crate::{
    netlink::{self, Name},
    plan::Verdict,
};

/// Between two looks, when no interface changes: half the time within which a change of anything
/// else is to be seen.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks, while interfaces change all the time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// Looks after one program.
pub struct Keeper {
    /// Decides and loads. `None` where the verdict does not change.
    worker: Option<Worker>,
    last: Instant,
    due: Instant,
    /// The failure that the user was told of.
    told: Option<String>,
}

impl Keeper {
    /// Of a program that was loaded with these settings, writes to these rings, and is to be
    /// attached to an interface; packets arrive at these UDP ports.
    pub fn start(
        asked: Verdict,
        ports: &[u16],
        settings: &TapSettings<'_>,
        tap: &Tap,
        rings: Rings,
        interface: u32,
    ) -> Result<Self> {
        let worker = (asked == Verdict::Auto)
            .then(|| Worker::start(ports, settings, tap.which(), rings, interface));
        let now = Instant::now();
        // What changes between the decision and attaching is seen at once.
        Ok(Self { worker: worker.transpose()?, last: now, due: now, told: None })
    }

    /// Waits until it is time to look.
    pub async fn due(&self) {
        sleep_until(self.due).await;
    }

    /// Makes it time to look, because an interface has changed.
    pub fn hurry(&mut self) {
        self.due = self.due.min(self.last + SHORTEST_PAUSE);
    }

    /// Looks, and puts another generation in place if the verdict is to be another. The error says
    /// that packets no longer reach the program. `name` is what the interface is called now.
    pub async fn look(&mut self, attached: &mut Attached, name: &Name) -> Result<()> {
        check_link(attached, name)?;
        if let Some(worker) = &mut self.worker {
            let failure = check_verdict(worker, attached).await.err();
            let failure = failure.map(|error| format!("{error:#}"));
            if let Some(failure) = &failure
                && self.told.as_ref() != Some(failure)
            {
                let verdict = attached.verdict();
                say!("vtap: verdict on tunnel packets stays {verdict}: {failure}");
            }
            self.told = failure;
        }
        self.last = Instant::now();
        self.due = self.last + PAUSE;
        Ok(())
    }
}

/// An error if packets no longer reach the program.
fn check_link(attached: &Attached, name: &Name) -> Result<()> {
    let what = match attached.link_state()? {
        LinkState::Attached => return Ok(()),
        LinkState::Replaced { by } => {
            format!(
                "somebody has put another program, of id {by}, in the place of vtap's on {name}"
            )
        }
        LinkState::Detached => {
            // It goes with its interface, and the watch of interfaces tells of that.
            if netlink::interface::interface(attached.interface())?.is_none() {
                return Ok(());
            }
            format!("somebody has detached vtap's XDP program from {name}")
        }
    };
    Err(anyhow!(
        "{what}: nothing is captured any more; what had arrived until then is accounted for"
    ))
}

async fn check_verdict(worker: &mut Worker, attached: &mut Attached) -> Result<()> {
    let decision = worker.decide().await?;
    if decision.pass == attached.tap().passes() {
        return Ok(());
    }
    // What can't be seen of an interface that is gone is no reason to pass. Its watcher tells of that.
    if netlink::interface::interface(attached.interface())?.is_none() {
        return Ok(());
    }
    exchange(worker, attached, &decision)
        .await
        .with_context(|| format!("it should be {} ({})", decision.name(), decision.reason()))?;
    let (verdict, reason) = (decision.name(), decision.reason());
    say!("vtap: verdict on tunnel packets from now on: {verdict} ({reason})");
    Ok(())
}

/// The next generation is loaded while the one before it runs.
async fn exchange(worker: &mut Worker, attached: &mut Attached, to: &Decision) -> Result<()> {
    let next = worker.load(to.pass).await?;
    attached.replace(next)
}
