//! The consumer of one BPF ring buffer, straight from its pages.
//!
//! aya's `RingBuf` publishes the consumer position with every record and lends one record at a
//! time. Merging rings by time needs to look at a record without taking it, and the position is
//! published once per batch here.
//!
//! Layout and protocol: `kernel/bpf/ringbuf.c`. Page 0 holds the consumer position, page 1 the
//! producer position, then come the data pages, mapped twice in a row so that no record is split.

use std::{
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
    slice,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use anyhow::{Context as _, Result};
use aya_obj::generated::{BPF_RINGBUF_BUSY_BIT, BPF_RINGBUF_DISCARD_BIT, BPF_RINGBUF_HDR_SZ};
use memmap2::{MmapOptions, MmapRaw};

/// The consumer side of a ring.
pub struct Ring {
    fd: OwnedFd,
    // Raw, as the kernel writes there at any time.
    consumer: MmapRaw,
    /// The producer's page, then the data twice.
    producer: MmapRaw,
    data_offset: usize,
    mask: u64,
    /// Position of the next record; ahead of what is published.
    position: u64,
    /// The producer's position when it was last read.
    seen: u64,
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
            seen: 0,
        };
        ring.position = position(&ring.consumer).load(Ordering::Acquire);
        Ok(ring)
    }

    /// Bytes of records that it holds.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.mask + 1
    }

    /// Looks what the producer has written; until the next look, no more than that is shown.
    pub fn look(&mut self) {
        // Pairs with the kernel's store-release after the record's header is written.
        self.seen = position(&self.producer).load(Ordering::Acquire);
    }

    /// The record that [`Ring::advance`] takes next, if the producer has finished it.
    pub fn peek(&mut self) -> Option<&[u8]> {
        loop {
            if self.position == self.seen {
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
        // SAFETY: within the mapping, and a finished record changes only once it is given back,
        // which can't be while it is borrowed.
        Some(unsafe { slice::from_raw_parts(self.producer.as_ptr().add(start), len) })
    }

    /// Takes the record that [`Ring::peek`] showed. Its bytes stay until [`Ring::release`].
    pub fn advance(&mut self) {
        let taken = u64::from(BPF_RINGBUF_HDR_SZ) + self.len() as u64;
        self.position += taken.next_multiple_of(8);
    }

    /// Gives the space of all records taken back to the producer.
    pub fn release(&mut self) {
        // Pairs with the kernel's load-acquire before it reuses the space.
        position(&self.consumer).store(self.position, Ordering::Release);
        // The producer wakes the consumer only if it sees that it had caught up; so the new
        // position must be out before the consumer looks for more and then sleeps.
        fence(Ordering::SeqCst);
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
