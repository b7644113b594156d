//! A regular file, which takes what it is given unless its disk is full.

#[cfg(test)]
mod tests;

use std::{
    cmp::Ordering,
    fs::{Metadata, Permissions, TryLockError, remove_file},
    io::{self, ErrorKind, Seek as _, SeekFrom, Write as _},
    mem::take,
    os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{OFlags, fcntl_getfl};

use super::{MODE, Transport, explained, write_all};
use crate::cancel::Cancel;

/// A regular file.
pub struct File {
    inner: std::fs::File,
    /// What is known of it where it was opened by its name. Standard output may be a file that was
    /// not empty, or that others write as well.
    own: Option<Own>,
    /// Whether what was written is there no more.
    is_lost: bool,
}

/// A file that is written from its beginning, and by nobody else.
struct Own {
    path: PathBuf,
    /// Whether vtap has made it.
    is_new: bool,
    /// Whether the first write is still to empty it. Until then, an old file is left alone: a
    /// capture may fail to begin.
    is_untouched: bool,
    /// Where the next bytes go.
    position: u64,
    /// Bytes behind that place, which the next block goes over.
    ending: u64,
}

impl File {
    /// A file that was opened by its name.
    pub fn own(file: std::fs::File, path: &Path, is_new: bool) -> io::Result<Self> {
        match file.try_lock() {
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => {
                let reason = "another program writes it and has locked it, perhaps vtap as well";
                return Err(io::Error::other(reason));
            }
        }
        let path = path.to_owned();
        let own = Own { path, is_new, is_untouched: true, position: 0, ending: 0 };
        Ok(Self { inner: file, own: Some(own), is_lost: false })
    }

    /// A file that somebody else has opened. It is written from where it is.
    pub const fn shared(file: std::fs::File) -> Self {
        Self { inner: file, own: None, is_lost: false }
    }

    /// Empties an old file, or checks that what was written is still there.
    fn prepare(&mut self) -> io::Result<()> {
        let is_untouched = self.own.as_mut().is_some_and(|own| take(&mut own.is_untouched));
        if is_untouched { empty(&self.inner) } else { self.check() }
    }

    /// Checks that what was written is still there.
    fn check(&mut self) -> io::Result<()> {
        let trouble = match &self.own {
            Some(own) => own.trouble(&self.inner.metadata()?),
            None => self.trouble_of_shared()?,
        };
        let Some(trouble) = trouble else { return Ok(()) };
        self.is_lost = true;
        Err(io::Error::other(format!("somebody else has {trouble}; what vtap wrote is lost")))
    }

    fn trouble_of_shared(&mut self) -> io::Result<Option<&'static str>> {
        // Whoever appends goes on at the end, wherever that is.
        let appends = fcntl_getfl(&self.inner)?.contains(OFlags::APPEND);
        // The position comes first: others who write here move it on, but the length before it.
        let position = self.inner.stream_position()?;
        let is_cut = !appends && self.inner.metadata()?.len() < position;
        Ok(is_cut.then_some(CUT))
    }
}

const CUT: &str = "cut it short while it was written";

impl Own {
    fn trouble(&self, found: &Metadata) -> Option<&'static str> {
        if self.is_untouched {
            return None;
        }
        if found.nlink() == 0 {
            return Some("deleted or replaced it while it was written");
        }
        match found.len().cmp(&(self.position + self.ending)) {
            Ordering::Less => Some(CUT),
            Ordering::Equal => None,
            Ordering::Greater => Some("written to it as well"),
        }
    }
}

impl Transport for File {
    fn write(&mut self, bytes: &[u8], _: &Cancel) -> io::Result<usize> {
        self.prepare()?;
        let count = loop {
            match self.inner.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => break count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(explained(error)),
            }
        };
        if let Some(own) = &mut self.own {
            own.position += count as u64;
        }
        Ok(count)
    }

    /// At any moment, what is there begins with a whole stream: the old ending goes last.
    fn write_block(&mut self, block: &[u8], ending: &[u8], cancel: &Cancel) -> io::Result<()> {
        self.prepare()?;
        let Some(own) = &mut self.own else { return write_all(self, block, cancel) };
        let (first, rest) = block.split_at(block.len().min(own.ending as usize));
        let behind = own.position + first.len() as u64;
        let written = self
            .inner
            .write_all_at(rest, behind)
            .and_then(|()| self.inner.write_all_at(ending, behind + rest.len() as u64));
        if let Err(error) = written {
            self.inner.set_len(own.position + own.ending)?;
            return Err(explained(error));
        }
        self.inner.write_all_at(first, own.position)?;
        own.position += block.len() as u64;
        own.ending = ending.len() as u64;
        Ok(())
    }

    fn take_back(&mut self, bytes: u64) -> io::Result<()> {
        if self.is_lost {
            return Ok(());
        }
        let Some(own) = &mut self.own else { return self.take_back_from_shared(bytes) };
        if bytes == 0 {
            return Ok(());
        }
        own.position -= bytes;
        self.inner.set_len(own.position + own.ending)?;
        self.inner.seek(SeekFrom::Start(own.position)).map(drop)
    }

    fn finish(&mut self, ending: &[u8], cancel: &Cancel) -> io::Result<()> {
        self.check()?;
        if self.own.is_some() { Ok(()) } else { write_all(self, ending, cancel) }
    }

    fn is_lost(&self) -> bool {
        self.is_lost
    }
}

impl File {
    /// Only the end of the file is taken back: it may be written in its midst.
    fn take_back_from_shared(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.inner.stream_position()?;
        if bytes != 0 && self.inner.metadata()?.len() == end {
            self.inner.set_len(end - bytes)?;
            self.inner.seek(SeekFrom::Start(end - bytes))?;
        }
        Ok(())
    }
}

impl Drop for File {
    /// A capture that did not begin leaves nothing behind.
    fn drop(&mut self) {
        if let Some(own) = &self.own
            && own.is_new
            && own.is_untouched
        {
            let _ = remove_file(&own.path);
        }
    }
}

/// Makes an old file a new one.
fn empty(file: &std::fs::File) -> io::Result<()> {
    file.set_len(0)?;
    let mode = file.metadata()?.mode() & 0o7777;
    if mode & !MODE != 0 {
        // A file that belongs to somebody else keeps its mode.
        let _ = file.set_permissions(Permissions::from_mode(mode & MODE));
    }
    Ok(())
}
