//! A file, which takes what it is given unless its disk is full.

use std::{
    io::{self, ErrorKind, Seek as _, SeekFrom, Write as _},
    mem::take,
};

use super::Transport;
use crate::session::cancel::Cancel;

/// A regular file.
pub struct File {
    file: std::fs::File,
    /// Whether the first write empties it, so that a capture that can't begin leaves an old file
    /// alone.
    to_empty: bool,
}

impl File {
    /// Writes from where the file is. `to_empty`: what is in it is to go.
    pub const fn new(file: std::fs::File, to_empty: bool) -> Self {
        Self { file, to_empty }
    }
}

impl Transport for File {
    fn write(&mut self, bytes: &[u8], _: &Cancel) -> io::Result<usize> {
        if take(&mut self.to_empty) {
            self.file.set_len(0)?;
        }
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Standard output may be a file that was not empty, or be written in its midst: only the end
    /// of a file is taken back.
    fn take_back(&mut self, bytes: u64) -> io::Result<bool> {
        if bytes == 0 {
            return Ok(true);
        }
        let end = self.file.stream_position()?;
        if self.file.metadata()?.len() != end {
            return Ok(false);
        }
        self.file.set_len(end - bytes)?;
        self.file.seek(SeekFrom::Start(end - bytes))?;
        Ok(true)
    }
}
