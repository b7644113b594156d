//! A capture file's bytes, of which a part of bounded size is in memory.

use std::{
    io::{self, ErrorKind, Read},
    mem,
    ops::Range,
};

/// Bytes in memory at most. The largest packet fits, and so do the three records by which the
/// layout of a pcap file is found.
pub const CAPACITY: usize = 1 << 20;
/// Bytes that are read at once: few enough to stay in the processor's cache.
const READ: usize = 1 << 18;

/// Whether as many bytes are there as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// They are there.
    Enough,
    /// There is nothing to read at the moment. Asking again waits for more.
    Idle,
    /// The file ends before.
    Ended,
}

/// A part of the file that moves from its beginning to its end.
pub struct Window {
    input: Box<dyn Read>,
    bytes: Box<[u8]>,
    /// What lies between these two was read and not yet taken.
    begin: usize,
    end: usize,
    /// Bytes of the file that follow and that nobody wants.
    skip: u64,
    /// Where `begin` is in the file, once `skip` bytes are gone.
    position: u64,
    /// Whether it is still to be told that there is nothing to read.
    idle: bool,
}

impl Window {
    /// At the file's beginning. Reading it may fail with [`ErrorKind::WouldBlock`]: see
    /// [`Fill::Idle`].
    pub fn new(input: Box<dyn Read>) -> Self {
        let bytes = vec![0; CAPACITY].into_boxed_slice();
        Self { input, bytes, begin: 0, end: 0, skip: 0, position: 0, idle: false }
    }

    /// Reads until `len` bytes are there, which are not more than [`CAPACITY`].
    #[inline]
    pub fn fill(&mut self, len: usize) -> io::Result<Fill> {
        if self.skip == 0 && self.ahead().len() >= len {
            return Ok(Fill::Enough);
        }
        self.read_until(len)
    }

    /// The same, waiting as long as it takes. False where the file ends before.
    pub fn wait_for(&mut self, len: usize) -> io::Result<bool> {
        loop {
            match self.fill(len)? {
                Fill::Enough => return Ok(true),
                Fill::Idle => {}
                Fill::Ended => return Ok(false),
            }
        }
    }

    /// What was read and not yet taken.
    #[inline]
    pub fn ahead(&self) -> &[u8] {
        &self.bytes[self.begin..self.end]
    }

    /// Takes `len` bytes that are there. Their place is good until more is read.
    #[inline]
    pub fn take(&mut self, len: usize) -> Range<usize> {
        let taken = self.begin..(self.begin + len).min(self.end);
        self.begin = taken.end;
        self.position += taken.len() as u64;
        taken
    }

    /// What lies at a place that was taken.
    #[inline]
    pub fn at(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Passes over the next bytes, whether they are there or not.
    pub fn skip(&mut self, len: u64) {
        self.skip += len;
        self.position += len;
        self.drop_skipped();
    }

    /// Where in the file (or in what it decompresses to) the next byte is.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Whether nothing is left that was promised: neither bytes nor what was to be skipped.
    pub fn is_empty(&self) -> bool {
        self.ahead().is_empty() && self.skip == 0
    }

    /// Has [`Fill::Idle`] be returned once more: who was told could do without more bytes.
    pub const fn put_idle_back(&mut self) {
        self.idle = true;
    }

    #[cold]
    fn read_until(&mut self, len: usize) -> io::Result<Fill> {
        debug_assert!(len <= CAPACITY, "{len} bytes never fit");
        if mem::take(&mut self.idle) {
            return Ok(Fill::Idle);
        }
        while self.skip > 0 || self.ahead().len() < len {
            match self.read() {
                Ok(0) => return Ok(Fill::Ended),
                Ok(_) => self.drop_skipped(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Fill::Idle),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Fill::Enough)
    }

    fn read(&mut self) -> io::Result<usize> {
        if self.begin > 0 {
            self.bytes.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        let limit = (self.end + READ).min(CAPACITY);
        let len = self.input.read(&mut self.bytes[self.end..limit])?;
        self.end += len;
        Ok(len)
    }

    fn drop_skipped(&mut self) {
        let there = self.ahead().len();
        let dropped = usize::try_from(self.skip).map_or(there, |skip| skip.min(there));
        self.begin += dropped;
        self.skip -= dropped as u64;
    }
}
