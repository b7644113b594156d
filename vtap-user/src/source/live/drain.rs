//! Takes records out of all rings, in the order of their timestamps.

#[cfg(test)]
mod tests;

use anyhow::{Result, anyhow};
use vtap_common::abi::RecordHeader;

use super::ring::Ring;

/// Records of one batch, at most: the other rings are not looked at before it ends.
const BATCH: usize = 1024;
/// The part of a ring that records may occupy after they were taken. More is given back at once:
/// large packets would otherwise fill the ring long before the batch ends.
const HELD: u64 = 8;

/// Records in the order in which one CPU wrote them, while it writes more.
///
/// A position is a number of bytes since the beginning of the capture.
pub trait RecordQueue {
    /// Shows all records written so far, and no later ones until the next call. Returns the
    /// position where they end.
    fn refresh(&mut self) -> u64;

    /// The next record and its position, unless it is still being written.
    fn peek(&mut self) -> Option<(u64, &[u8])>;

    /// Takes the record that [`peek`](Self::peek) has shown.
    fn advance(&mut self);

    /// Gives the space of all records taken back to the writer.
    fn release(&mut self);

    /// Bytes of records that were taken and not yet released.
    fn held(&self) -> u64;

    /// Bytes of records that fit in.
    fn size(&self) -> u64;
}

/// Whether a batch of this many records is full, so that more may be waiting.
#[must_use]
pub const fn is_full(taken: usize) -> bool {
    taken == BATCH
}

/// All rings of one capture.
pub struct Drain<Q = Ring> {
    inputs: Vec<Input<Q>>,
}

/// One of the rings that are merged.
struct Input<Q> {
    queue: Q,
    /// Records before this position were written before the current batch began.
    due_until: u64,
    /// The next record, if there is one.
    next: Option<Next>,
}

/// What the merge has to know of a record.
#[derive(Clone, Copy)]
struct Next {
    time: u64,
    /// Whether it was written before the current batch began.
    is_due: bool,
}

impl<Q: RecordQueue> Drain<Q> {
    /// Of these rings.
    #[must_use]
    pub fn new(queues: Vec<Q>) -> Self {
        let input = |queue| Input { queue, due_until: 0, next: None };
        Self { inputs: queues.into_iter().map(input).collect() }
    }

    /// The rings, to wait for.
    pub fn queues(&self) -> impl Iterator<Item = &Q> {
        self.inputs.iter().map(|input| &input.queue)
    }

    /// Hands one batch to `take` and returns the number of records. If the batch was not full
    /// ([`is_full`]), every record that was finished before this call has been taken.
    ///
    /// CPUs write to their rings independently. The packets of one CPU stay in order. Between CPUs,
    /// the oldest record goes first. Two kinds of records can still come late: those that a CPU was
    /// writing during the call, and those that share an earlier packet's reading of the clock.
    pub fn batch(
        &mut self,
        mut take: impl FnMut(&RecordHeader, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        self.refresh()?;
        let mut taken = 0;
        let mut result = Ok(());
        while result.is_ok() && taken < BATCH {
            let Some((oldest, until)) = self.oldest() else { break };
            let count = |header: &RecordHeader, data: &[u8]| {
                taken += 1;
                take(header, data)?;
                Ok(taken < BATCH)
            };
            result = self.inputs[oldest].take_until(until, count);
        }
        self.inputs.iter_mut().for_each(|input| input.queue.release());
        result.map(|()| taken)
    }

    /// Finds out which records there are.
    ///
    /// The rings can't be read all at once. While one is read, a record may appear in another that
    /// was read already, and then a still later record in one that is yet to be read. The later one
    /// must not go first. So all rings are read twice. A record that the first reading shows is older
    /// than any that the second misses. The batch ends with the last record of the first reading,
    /// and nothing older can be missing. This compares times of records only with each other, so
    /// that no clock of this process has to agree with the kernel's.
    fn refresh(&mut self) -> Result<()> {
        for input in &mut self.inputs {
            input.due_until = input.queue.refresh();
        }
        for input in &mut self.inputs {
            input.queue.refresh();
            input.read_next()?;
        }
        Ok(())
    }

    /// The ring whose next record is the oldest, and the time of the oldest record in any other
    /// ring. `None` once no record is due.
    fn oldest(&self) -> Option<(usize, u64)> {
        let mut oldest: Option<(usize, u64)> = None;
        let mut until = u64::MAX;
        let mut any_due = false;
        for (index, input) in self.inputs.iter().enumerate() {
            let Some(Next { time, is_due }) = input.next else { continue };
            any_due |= is_due;
            match oldest {
                Some((_, first)) if first <= time => until = until.min(time),
                _ => {
                    until = oldest.map_or(until, |(_, second)| second);
                    oldest = Some((index, time));
                }
            }
        }
        oldest.filter(|_| any_due).map(|(index, _)| (index, until))
    }
}

impl<Q: RecordQueue> Input<Q> {
    fn read_next(&mut self) -> Result<()> {
        self.next = match self.queue.peek() {
            Some((position, record)) => Some(Next::of(position, split(record)?.0, self.due_until)),
            None => None,
        };
        Ok(())
    }

    /// Takes the next record, and those behind it that are due and not younger than `until`, as
    /// long as `take` wants more.
    fn take_until(
        &mut self,
        until: u64,
        mut take: impl FnMut(&RecordHeader, &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut is_first = true;
        while let Some((position, record)) = self.queue.peek() {
            let (header, data) = split(record)?;
            let next = Next::of(position, header, self.due_until);
            let goes_on = is_first || next.is_due && next.time <= until;
            if !goes_on {
                self.next = Some(next);
                return Ok(());
            }
            is_first = false;
            let wants_more = take(&header, data);
            self.queue.advance();
            if self.queue.held() >= self.queue.size() / HELD {
                self.queue.release();
            }
            if !wants_more? {
                return Ok(());
            }
        }
        self.next = None;
        Ok(())
    }
}

impl Next {
    const fn of(position: u64, header: RecordHeader, due_until: u64) -> Self {
        Self { time: header.timestamp, is_due: position < due_until }
    }
}

fn split(record: &[u8]) -> Result<(RecordHeader, &[u8])> {
    RecordHeader::split(record)
        .ok_or_else(|| anyhow!("the kernel wrote a record that is too short"))
}
