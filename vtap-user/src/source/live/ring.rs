//! The consumer of one BPF ring buffer, straight from its pages.
//!
//! aya's `RingBuf` publishes the consumer position with every record and lends one record at a
//! time. Merging rings by time needs to look at a record without taking it, and the position is
//! published once per batch here.
//!
//! Layout and protocol: `kernel/bpf/ringbuf.c`. Page 0 holds the consumer position, page 1 the
//! producer position, then come the data pages, mapped twice in a row so that no record is split.

#[cfg(test)]
mod tests;

use std::{
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
    slice,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use anyhow::{Context as _, Result};
use aya_obj::generated::{BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ};
use memmap2::{MmapOptions, MmapRaw};

use super::drain::RecordQueue;

/// The consumer side of a ring.
pub struct Ring {
    fd: OwnedFd,
    // Raw, as the kernel writes there at any time.
    consumer: MmapRaw,
    /// The producer's page, then the data twice.
    producer: MmapRaw,
    data_offset: usize,
    mask: u64,
    /// Where the next record begins.
    position: u64,
    /// The position that the producer knows: it may write over what is before it.
    released: u64,
    /// The producer's position when it was last read.
    written: u64,
}

impl Ring {
    /// Maps the pages of the ring behind `fd`, of `size` bytes.
    pub fn new(fd: OwnedFd, size: u32) -> Result<Self> {
        let page = rustix::param::page_size();
        let raw = fd.as_raw_fd();
        let consumer = MmapOptions::new().len(page).map_raw(raw);
        let consumer = consumer.context("cannot map a ring's consumer page")?;
        let data = page + 2 * size as usize;
        let producer = MmapOptions::new().offset(page as u64).len(data).map_raw_read_only(raw);
        let producer = producer.context("cannot map a ring's data pages")?;
        let mut ring = Self {
            fd,
            consumer,
            producer,
            data_offset: page,
            mask: u64::from(size) - 1,
            position: 0,
            released: 0,
            written: 0,
        };
        ring.released = position(&ring.consumer).load(Ordering::Acquire);
        ring.position = ring.released;
        Ok(ring)
    }

    /// Whether a record was ever seen in it.
    #[must_use]
    pub const fn is_used(&self) -> bool {
        self.written != 0
    }

    fn header(&self) -> u32 {
        #[expect(clippy::cast_ptr_alignment, reason = "records are at multiples of 8")]
        // SAFETY: in bounds, as the mask keeps the offset in the first of two copies of the data;
        // aligned as just said; and shared with the kernel through atomics only.
        let header = unsafe { &*self.producer.as_ptr().add(self.offset()).cast::<AtomicU32>() };
        // Pairs with the kernel's xchg when the record is committed: its bytes are then visible.
        header.load(Ordering::Acquire)
    }

    fn offset(&self) -> usize {
        self.data_offset + (self.position & self.mask) as usize
    }

    /// Length of the record at the position, without its header.
    fn len(&self) -> usize {
        (self.header() & !(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT)) as usize
    }
}

impl RecordQueue for Ring {
    fn refresh(&mut self) -> u64 {
        // Pairs with the kernel's store-release after the record's header is written.
        self.written = position(&self.producer).load(Ordering::Acquire);
        self.written
    }

    fn peek(&mut self) -> Option<(u64, &[u8])> {
        loop {
            if self.position == self.written {
                return None;
            }
            let header = self.header();
            if header & BPF_RINGBUF_BUSY_BIT != 0 {
                return None;
            }
            if header & BPF_RINGBUF_DISCARD_BIT == 0 {
                break;
            }
            self.advance();
        }
        let start = self.offset() + BPF_RINGBUF_HDR_SZ as usize;
        let len = self.len();
        if start + len > self.producer.len() {
            return None;
        }
        // SAFETY: within the mapping. The producer changes a finished record only after its space
        // was released, which can't happen while the record is borrowed.
        let record = unsafe { slice::from_raw_parts(self.producer.as_ptr().add(start), len) };
        Some((self.position, record))
    }

    fn advance(&mut self) {
        let taken = u64::from(BPF_RINGBUF_HDR_SZ) + self.len() as u64;
        self.position += taken.next_multiple_of(8);
    }

    fn release(&mut self) {
        self.released = self.position;
        // Pairs with the kernel's load-acquire before it reuses the space.
        position(&self.consumer).store(self.released, Ordering::Release);
        // The producer wakes the consumer only if it sees that the consumer had caught up. So the
        // new position must be visible before the consumer looks for more records and then sleeps.
        fence(Ordering::SeqCst);
    }

    fn held(&self) -> u64 {
        self.position - self.released
    }

    fn size(&self) -> u64 {
        self.mask + 1
    }
}

/// The position at the start of a mapped page.
fn position(page: &MmapRaw) -> &AtomicU64 {
    assert!(page.len() >= size_of::<AtomicU64>());
    #[expect(clippy::cast_ptr_alignment, reason = "mappings are page-aligned")]
    // SAFETY: long enough as just checked, aligned, and shared with the kernel through atomics only.
    unsafe {
        &*page.as_ptr().cast::<AtomicU64>()
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
