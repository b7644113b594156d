//! Takes records out of all rings, in the order of their timestamps.

use anyhow::{Result, anyhow};
use vtap_common::record::RecordHeader;

use super::{clock::monotonic, ring::Ring};

/// Records after which the space is given back, so that the kernel never waits for a long pass.
const BATCH: usize = 1024;

/// All rings of one capture.
pub struct Drain {
    rings: Vec<Ring>,
}

impl Drain {
    /// Of these rings.
    #[must_use]
    pub const fn new(rings: Vec<Ring>) -> Self {
        Self { rings }
    }

    /// The rings, to wait for.
    #[must_use]
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// Hands one batch to `take` and returns how many records that were; fewer than a full batch
    /// means that nothing older than this call is left.
    ///
    /// CPUs write to their rings independently. The packets of one CPU stay in order; between
    /// CPUs, the oldest record at hand goes first. Only what a CPU was still writing then, and
    /// packets that share the clock's reading with an earlier one, come late.
    pub fn batch(
        &mut self,
        mut take: impl FnMut(&RecordHeader, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        // What comes while the rings are looked at, one after the other, is left for the next time:
        // of two packets in different rings, the later one must not go first.
        let now = monotonic();
        self.rings.iter_mut().for_each(Ring::look);
        let mut taken = 0;
        let mut result = Ok(());
        while taken < BATCH && result.is_ok() {
            let Some((oldest, until)) = self.oldest(now)? else {
                break;
            };
            let ring = &mut self.rings[oldest];
            while taken < BATCH && result.is_ok() {
                let Some(record) = ring.peek() else { break };
                let (header, data) = split(record)?;
                if header.timestamp > until {
                    break;
                }
                result = take(&header, data);
                ring.advance();
                taken += 1;
            }
        }
        self.rings.iter_mut().for_each(Ring::release);
        result.map(|()| taken)
    }

    /// True once the batch was full, so that there may be more.
    #[must_use]
    pub const fn was_full(taken: usize) -> bool {
        taken == BATCH
    }

    /// The ring whose next record is the oldest, and not younger than `now`; and the time until
    /// which its records go, that of the oldest in any other.
    fn oldest(&mut self, now: u64) -> Result<Option<(usize, u64)>> {
        let mut oldest: Option<(usize, u64)> = None;
        let mut until = now;
        for (index, ring) in self.rings.iter_mut().enumerate() {
            let Some(record) = ring.peek() else { continue };
            let (header, _) = split(record)?;
            if header.timestamp > now {
                continue;
            }
            match oldest {
                Some((_, time)) if time <= header.timestamp => until = until.min(header.timestamp),
                _ => {
                    until = oldest.map_or(until, |(_, time)| until.min(time));
                    oldest = Some((index, header.timestamp));
                }
            }
        }
        Ok(oldest.map(|(index, _)| (index, until)))
    }
}

fn split(record: &[u8]) -> Result<(RecordHeader, &[u8])> {
    RecordHeader::split(record)
        .ok_or_else(|| anyhow!("the kernel wrote a record that is too short"))
}
