//! What takes some milliseconds or, to load a program, some tenths of a second, in a thread of its
//! own: meanwhile signals and interfaces are attended to.

use std::{sync::mpsc, thread};

use anyhow::{Context as _, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    kernel::{
        Program, Rings, Tap, TapSettings,
        verdict::{self, Decision},
    },
    plan::Verdict,
};

/// The thread, as seen from outside. Each answer is waited for before the next order, and the thread
/// ends when this is dropped.
pub struct Worker {
    orders: mpsc::Sender<Order>,
    decisions: UnboundedReceiver<Decision>,
    taps: UnboundedReceiver<Result<Tap>>,
}

enum Order {
    Decide,
    Load { pass: bool },
}

impl Worker {
    /// Starts the thread, while that can fail without losing anything.
    pub fn start(
        ports: &[u16],
        settings: &TapSettings<'_>,
        program: Program,
        rings: Rings,
        interface: u32,
    ) -> Result<Self> {
        let (orders, ordered) = mpsc::channel();
        let (decided, decisions) = unbounded_channel();
        let (loaded, taps) = unbounded_channel();
        let ports = ports.to_vec();
        let selection = Box::new(*settings.selection);
        let TapSettings { snaplen, bare_ip, log_level, .. } = *settings;
        let load = move |pass| {
            let selection = &selection;
            let settings = TapSettings { selection, pass, snaplen, bare_ip, log_level };
            Tap::load(&settings, program, &rings)
        };
        let decide = move || verdict::decide(Verdict::Auto, &ports, interface);
        let work = move || work(&ordered, &decided, &loaded, decide, load);
        let thread = thread::Builder::new().name("keeper".into()).spawn(work);
        thread.context("cannot start the thread that watches the verdict")?;
        Ok(Self { orders, decisions, taps })
    }

    /// What the verdict is to be now.
    pub async fn decide(&mut self) -> Result<Decision> {
        self.order(Order::Decide)?;
        self.decisions.recv().await.context(ENDED)
    }

    /// The next generation, with this verdict.
    pub async fn load(&mut self, pass: bool) -> Result<Tap> {
        self.order(Order::Load { pass })?;
        self.taps.recv().await.context(ENDED)?
    }

    fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).ok().context(ENDED)
    }
}

const ENDED: &str = "the thread that watches the verdict has ended";

fn work(
    ordered: &mpsc::Receiver<Order>,
    decided: &UnboundedSender<Decision>,
    loaded: &UnboundedSender<Result<Tap>>,
    decide: impl Fn() -> Decision,
    load: impl Fn(bool) -> Result<Tap>,
) {
    while let Ok(order) = ordered.recv() {
        let taken = match order {
            Order::Decide => decided.send(decide()).is_ok(),
            Order::Load { pass } => loaded.send(load(pass)).is_ok(),
        };
        if !taken {
            return;
        }
    }
}
