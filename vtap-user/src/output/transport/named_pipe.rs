//! Files that may be named pipes.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
    thread::sleep,
    time::Duration,
};

use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

use crate::cancel::Cancel;

/// Between two looks whether somebody has come.
const PAUSE: Duration = Duration::from_millis(20);

/// Opens a file to write. A named pipe waits for somebody to read it, or for the end to begin,
/// which the system call would sleep through.
pub fn open(options: &mut OpenOptions, path: &Path, cancel: &Cancel) -> io::Result<File> {
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    loop {
        match options.open(path) {
            Ok(file) => {
                fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
                return Ok(file);
            }
            Err(error) if Errno::from_io_error(&error) != Some(Errno::NXIO) || !is_pipe(path) => {
                return Err(error);
            }
            Err(_) if cancel.has_begun() => return Err(io::Error::other("nobody reads it")),
            Err(_) => sleep(PAUSE),
        }
    }
}

fn is_pipe(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_fifo())
}
