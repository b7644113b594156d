//! The way of one output: a queue, a thread, and an account.

pub mod batch;
pub mod policy;
mod queue;
pub mod status;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use self::{
    batch::{Batch, Packets, Records},
    policy::Policy,
    queue::Queue,
    status::{Cause, Failure, Report, Status},
    writer::Writer,
};
use super::{compression::Compression, format::Format, transport::Transport};
use crate::{cancel::Cancel, packet::Packet};

/// What a thread that obeys the deadline may come late. One that does not hangs in a system call.
const LATE: Duration = Duration::from_millis(200);

/// What a lane is made of.
pub struct Parts {
    /// The output's name in the accounts.
    pub output: String,
    /// The transport's name in error messages.
    pub name: String,
    /// What happens when the output falls behind.
    pub policy: Policy,
    /// How packets are written down.
    pub format: Box<dyn Format>,
    /// How the bytes are compressed.
    pub compression: Option<Box<dyn Compression>>,
    /// What they are written to.
    pub transport: Box<dyn Transport>,
}

/// The near end of an output.
pub struct Lane {
    /// Where packets are written down by the thread that takes them.
    format: Option<Box<dyn Format>>,
    batch: Batch,
    queue: Arc<Queue>,
    status: Arc<Status>,
    cancel: Cancel,
    /// Packets that it was given.
    given: u64,
    /// Packets that were not put into a batch.
    dropped: u64,
}

impl Lane {
    /// Starts the thread.
    pub fn start(parts: Parts, cancel: &Cancel) -> Result<Self> {
        let Parts { output, name, policy, mut format, compression, transport } = parts;
        let status = Arc::new(Status::new(output, policy));
        let queue = Arc::new(Queue::new(policy.room()));
        let (near, far, batch) = if format.is_expensive() {
            (None, Some(format), Batch::Packets(Packets::new()))
        } else {
            let mut records = Records::new();
            format.header(&mut records.bytes);
            records.header = records.bytes.len();
            (Some(format), None, Batch::Records(records))
        };
        let writer = Writer {
            format: far,
            compression,
            transport,
            cancel: cancel.clone(),
            status: Arc::clone(&status),
            loose: 0,
            packed: Vec::new(),
            unflushed: writer::Unflushed::default(),
            name,
        };
        let batches = Arc::clone(&queue);
        thread::Builder::new()
            .name("vtap-output".into())
            .spawn(move || writer.run(&batches))
            .with_context(|| format!("cannot start the thread that writes {}", status.output))?;
        let cancel = cancel.clone();
        Ok(Self { format: near, batch, queue, status, cancel, given: 0, dropped: 0 })
    }

    /// Takes a packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        self.given += 1;
        if self.status.has_failed() || (self.batch.is_full() && !self.hand_over()) {
            self.dropped += 1;
            return;
        }
        match (&mut self.batch, &mut self.format) {
            (Batch::Records(records), Some(format)) => {
                let begin = records.bytes.len();
                if let Err(error) = format.packet(&mut records.bytes, packet) {
                    records.bytes.truncate(begin);
                    self.fail(&error);
                    return;
                }
                records.ends.push(records.bytes.len());
            }
            (Batch::Packets(packets), _) => packets.push(packet),
            (Batch::Records(_), None) => unreachable!("records have a format"),
        }
        if self.batch.is_full() {
            self.hand_over();
        }
    }

    /// Hands over what there is, if there is room for it. True while something could not be.
    pub fn flush(&mut self) -> bool {
        if self.status.has_failed() {
            self.status.set_dropped(self.given - self.status.packets());
            return false;
        }
        self.status.set_dropped(self.dropped);
        !self.batch.is_empty() && !self.queue.push(&mut self.batch)
    }

    /// The same, but an output that holds the capture up is waited for.
    pub fn settle(&mut self) {
        if self.flush() && self.status.policy == Policy::HoldUp {
            self.wait_and_hand_over();
        }
    }

    /// The account, to be read at any time.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Says that no more packets come.
    pub fn close(&mut self) {
        if let (Batch::Records(records), Some(format)) = (&mut self.batch, &mut self.format) {
            format.trailer(&mut records.bytes);
        }
        if !self.batch.is_empty() {
            self.wait_and_hand_over();
        }
        self.queue.close();
    }

    /// Waits until all is out, or until the deadline.
    pub fn finish(self) -> Report {
        let give_up =
            || self.cancel.deadline().is_some_and(|deadline| Instant::now() >= deadline + LATE);
        let ended = self.queue.wait_for_end(give_up);
        let Self { status, given, .. } = self;
        if !ended {
            let message = format!("{} hangs, and its last packets may be missing", status.output);
            status.fail(Failure { message, cause: Cause::Error });
        }
        let packets = status.packets();
        Report {
            output: status.output.clone(),
            packets,
            dropped: given - packets,
            failure: status.failure().cloned(),
            holds_up: status.policy == Policy::HoldUp,
        }
    }

    /// Hands over a full batch; false if there was no room and the packet must go.
    fn hand_over(&mut self) -> bool {
        match self.status.policy {
            Policy::HoldUp => self.wait_and_hand_over(),
            Policy::LetGo => self.queue.has_room() && self.queue.push(&mut self.batch),
        }
    }

    fn wait_and_hand_over(&mut self) -> bool {
        loop {
            if self.queue.push(&mut self.batch) {
                return true;
            }
            if self.status.has_failed() || self.cancel.has_expired() {
                return false;
            }
            self.queue.wait_for_room(|| self.cancel.has_expired());
        }
    }

    fn fail(&mut self, error: &anyhow::Error) {
        self.dropped += 1;
        let message = format!("{error:#}");
        self.status.fail(Failure { message, cause: Cause::Error });
        if self.status.policy == Policy::HoldUp {
            self.cancel.begin();
        }
    }
}
