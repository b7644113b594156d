//! The thread of an output: writes batch after batch, and counts the packets that are out.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    batch::{Batch, Records},
    policy::Policy,
    queue::{Next, Queue},
    status::{Cause, Failure, Status},
};
use crate::{
    cancel::{Cancel, GRACE},
    output::{compression::Compression, format::Format, transport::Transport},
};

/// How long packets wait for others to be compressed with.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes after which they do not: blocks of zstd are not larger than half of that.
const FLUSH: u64 = 256 << 10;

/// The end of an output at which bytes leave vtap.
pub struct Writer {
    /// Writes packets down, where that was not done before.
    pub format: Option<Box<dyn Format>>,
    /// Compresses them.
    pub compression: Option<Box<dyn Compression>>,
    /// Where the bytes go.
    pub transport: Box<dyn Transport>,
    /// The transport's name in error messages.
    pub name: String,
    /// The end of the capture.
    pub cancel: Cancel,
    /// The account.
    pub status: Arc<Status>,
    /// Bytes that were written behind the last place where the stream may end.
    pub loose: u64,
    /// Compressed bytes, which are written with the next flush.
    pub packed: Vec<u8>,
    /// What was compressed and can't be read before the next flush.
    pub unflushed: Unflushed,
}

/// What a compression still holds.
#[derive(Default)]
pub struct Unflushed {
    packets: u64,
    bytes: u64,
    since: Option<Instant>,
}

impl Writer {
    /// Writes what comes until there is no more, or until it fails.
    pub fn run(mut self, queue: &Queue) {
        let _end = End { queue, status: Arc::clone(&self.status), cancel: self.cancel.clone() };
        if let Err(error) = self.write_all(queue) {
            // What is there ends with a whole packet, although no more can be written.
            if let Err(error) = self.transport.take_back(self.loose) {
                log::debug!("{}: an unfinished packet stays at its end: {error}", self.name);
            }
            if self.transport.is_lost() {
                self.status.set_packets(0);
            }
            self.fail(&error);
        }
    }

    fn write_all(&mut self, queue: &Queue) -> Result<()> {
        let mut rendered = Records::new();
        if let Some(format) = &mut self.format {
            format.header(&mut rendered.bytes);
            rendered.header = rendered.bytes.len();
        }
        loop {
            let until = self.unflushed.since.map(|since| since + PATIENCE);
            match queue.next(until) {
                Next::Batch(Batch::Records(records)) => {
                    self.write(&records)?;
                    queue.done(Batch::Records(records));
                }
                Next::Batch(Batch::Packets(packets)) => {
                    for packet in packets.iter() {
                        self.render(&mut rendered, |format, bytes| format.packet(bytes, &packet))?;
                        rendered.ends.push(rendered.bytes.len());
                    }
                    self.write(&rendered)?;
                    rendered.clear();
                    queue.done(Batch::Packets(packets));
                }
                Next::Nothing => self.flush()?,
                Next::Closed => break,
            }
        }
        self.render(&mut rendered, |format, bytes| {
            format.trailer(bytes);
            Ok(())
        })?;
        self.write(&rendered)?;
        self.finish()
    }

    fn render(
        &mut self,
        records: &mut Records,
        put: impl FnOnce(&mut dyn Format, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let Some(format) = &mut self.format else { return Ok(()) };
        put(format.as_mut(), &mut records.bytes)
    }

    fn write(&mut self, records: &Records) -> Result<()> {
        let Some(compression) = &mut self.compression else {
            self.put(&records.bytes, records.header, &records.ends)?;
            // What may stand behind the last packet is whole as well.
            self.loose = 0;
            return Ok(());
        };
        if records.bytes.is_empty() {
            return Ok(());
        }
        let result = compression.compress(&records.bytes, &mut self.packed);
        result.with_context(|| self.failed())?;
        self.unflushed.packets += records.ends.len() as u64;
        self.unflushed.bytes += records.bytes.len() as u64;
        let since = *self.unflushed.since.get_or_insert_with(Instant::now);
        if self.unflushed.bytes >= FLUSH || since.elapsed() >= PATIENCE {
            return self.flush();
        }
        Ok(())
    }

    /// Lets a reader get all that was taken. Until then nothing is written: a part of a block is of
    /// no use, and a reader may lose what comes before it as well.
    fn flush(&mut self) -> Result<()> {
        let Some(compression) = &mut self.compression else { return Ok(()) };
        if self.unflushed.bytes == 0 {
            return Ok(());
        }
        let flushed = compression.flush(&mut self.packed).and_then(|()| {
            self.transport.write_block(&self.packed, &compression.ending(), &self.cancel)
        });
        flushed.with_context(|| self.failed())?;
        self.packed.clear();
        // They are out with the last byte, and not before.
        let Unflushed { packets, .. } = std::mem::take(&mut self.unflushed);
        self.status.set_packets(self.status.packets() + packets);
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()?;
        let ending = self.compression.as_ref().map(|compression| compression.ending());
        let finished = self.transport.finish(&ending.unwrap_or_default(), &self.cancel);
        finished.with_context(|| self.failed())
    }

    /// Writes bytes in which the stream may end behind the header and behind each packet.
    fn put(&mut self, bytes: &[u8], header: usize, ends: &[usize]) -> Result<()> {
        let before = self.status.packets();
        let (mut done, mut whole, mut out) = (0, 0, 0);
        while done < bytes.len() {
            let written = if self.cancel.has_expired() {
                Err(ErrorKind::TimedOut.into())
            } else {
                self.transport.write(&bytes[done..], &self.cancel)
            };
            let count = written.with_context(|| self.failed())?;
            done += count;
            out += ends[out..].partition_point(|end| *end <= done);
            self.status.set_packets(before + out as u64);
            let end = out.checked_sub(1).map_or(0, |last| ends[last]);
            let end = if done >= header { end.max(header) } else { end };
            self.loose = if end > whole { done - end } else { self.loose as usize + count } as u64;
            whole = whole.max(end);
        }
        Ok(())
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.name)
    }

    fn fail(&self, error: &anyhow::Error) {
        let cause = match error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(ErrorKind::TimedOut) => Cause::Deadline,
            Some(ErrorKind::BrokenPipe) => Cause::ReaderGone,
            _ => Cause::Error,
        };
        let message = if cause == Cause::Deadline {
            let seconds = GRACE.as_secs_f64();
            format!("{}: it did not take what was left within {seconds} s", self.failed())
        } else {
            format!("{error:#}")
        };
        if self.status.policy == Policy::LetGo {
            say!("vtap: {message}");
        }
        self.status.fail(Failure { message, cause });
        if self.status.policy == Policy::HoldUp {
            self.cancel.begin();
        }
    }
}

/// Whatever ends the thread, nobody waits for it any more.
struct End<'a> {
    queue: &'a Queue,
    status: Arc<Status>,
    cancel: Cancel,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let message = format!("{}: the thread that writes it has panicked", self.status.output);
            self.status.fail(Failure { message, cause: Cause::Error });
            self.cancel.begin();
        }
        self.queue.end();
    }
}
