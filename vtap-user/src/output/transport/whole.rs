//! A file that appears whole or not at all.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{MODE, explained, named_pipe, of, standard, write_all};
use crate::{cancel::Cancel, escape};

/// Links that lead to one another, after which the kernel gives up as well.
const MAX_LINKS: usize = 40;

/// The place of such a file.
pub struct WholeFile {
    path: PathBuf,
    place: Place,
}

/// What a path leads to.
enum Place {
    /// A file, or nothing yet. The file there is replaced, and links on the way stay.
    File(PathBuf),
    /// A device, a pipe, or what some process has open, such as `/dev/stdout`. It is written to.
    Open,
}

impl WholeFile {
    /// Prepares to write `path`. That it can't be written is told while there is nothing to lose.
    pub fn prepare(path: &Path) -> Result<Self> {
        let prepare = || -> Result<Self> {
            if let Some(descriptor) = standard::of_path(path) {
                standard(descriptor)?;
            }
            let place = Place::of(path)?;
            if let Place::File(file) = &place {
                // Has no name, so that nothing is left even by SIGKILL.
                tempfile::tempfile_in(dir(file))?;
            }
            Ok(Self { path: path.to_owned(), place })
        };
        prepare().with_context(|| failed(path))
    }

    /// Writes it.
    pub fn write(&self, bytes: &[u8], cancel: &Cancel) -> Result<()> {
        let written = match &self.place {
            Place::File(file) => replace(file, bytes),
            Place::Open => append(&self.path, bytes, cancel),
        };
        written.with_context(|| failed(&self.path))
    }
}

/// Whether the file at this path, if there is one, is replaced and not written to.
pub fn is_replaced(path: &Path) -> bool {
    Place::of(path).is_ok_and(|place| matches!(place, Place::File(_)))
}

fn failed(path: &Path) -> String {
    format!("cannot write {}", escape::path(path))
}

impl Place {
    fn of(path: &Path) -> Result<Self> {
        let mut file = path.to_owned();
        for _ in 0..MAX_LINKS {
            // What a process has open is named there, whatever it is in the end.
            if fs::canonicalize(dir(&file))?.starts_with("/proc") {
                return Ok(Self::Open);
            }
            match file.read_link() {
                Ok(target) => file = dir(&file).join(target),
                Err(_) => return Self::at(file),
            }
        }
        bail!("too many links lead to one another")
    }

    /// At the end of all links.
    fn at(file: PathBuf) -> Result<Self> {
        let Ok(found) = file.metadata() else { return Ok(Self::File(file)) };
        ensure!(!found.is_dir(), "it is a directory");
        Ok(if found.is_file() { Self::File(file) } else { Self::Open })
    }
}

/// If this fails, the old file is still there, and nothing else.
fn replace(file: &Path, bytes: &[u8]) -> Result<()> {
    let mode = file.metadata().map_or(MODE, |found| found.mode() & MODE);
    let mut builder = tempfile::Builder::new();
    let mut new = builder.permissions(Permissions::from_mode(mode)).tempfile_in(dir(file))?;
    // Not by its own `Write`, whose errors name a file that is gone by the time they are read.
    new.as_file_mut().write_all(bytes).map_err(explained)?;
    new.persist(file)?;
    Ok(())
}

fn append(path: &Path, bytes: &[u8], cancel: &Cancel) -> Result<()> {
    let mut to = match standard::of_path(path) {
        Some(descriptor) => standard(descriptor)?,
        None => of(named_pipe::open(OpenOptions::new().append(true), path, cancel)?)?,
    };
    Ok(write_all(to.as_mut(), bytes, cancel)?)
}

fn dir(file: &Path) -> &Path {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    dir.unwrap_or(Path::new("."))
}
