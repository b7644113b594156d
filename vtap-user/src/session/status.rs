//! What a capture does at the moment, for others to read at any time.
//!
//! The thread that takes packets publishes it when it has emptied the rings, and not per packet.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::output::{Lane, OutputStatus};

/// Numbers of a running capture.
pub struct Status {
    delivered: AtomicU64,
    outputs: Vec<Arc<OutputStatus>>,
}

impl Status {
    /// Of a capture to these outputs.
    pub fn new(lanes: &[Lane]) -> Self {
        let outputs = lanes.iter().map(|lane| Arc::clone(lane.status())).collect();
        Self { delivered: AtomicU64::new(0), outputs }
    }

    /// Packets that came out of the rings or the file.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// The accounts of the outputs.
    pub fn outputs(&self) -> &[Arc<OutputStatus>] {
        &self.outputs
    }

    pub(super) fn publish(&self, delivered: u64) {
        self.delivered.store(delivered, Ordering::Relaxed);
    }
}
