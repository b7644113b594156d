//! Capture files of every kind, frame by frame.

mod compression;
mod input;
mod reader;

use std::{
    io::{ErrorKind, Read},
    path::Path,
};

use anyhow::{Result, bail};

pub(crate) use self::reader::{Link, link::Unread};
use self::{
    input::Input,
    reader::{Reader, Record, Step, window::Window},
};
use crate::{cancel::Cancel, timestamp::Timestamp};

/// The packets of a capture file.
pub(crate) struct Records {
    window: Window,
    /// None where a signal came before there was anything to read.
    reader: Option<Reader>,
    cancel: Cancel,
}

impl Records {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path, cancel: &Cancel) -> Result<Self> {
        Self::of(Input::open(path, cancel)?, cancel)
    }

    /// Of bytes that are read from anywhere.
    pub(crate) fn of(raw: impl Read + 'static, cancel: &Cancel) -> Result<Self> {
        let mut window = Window::new(compression::open(raw)?);
        let reader = Reader::open(&mut window);
        let reader = if cancel.has_begun() { None } else { Some(reader?) };
        Ok(Self { window, reader, cancel: cancel.clone() })
    }

    /// What comes next, or `None` at the end of the file and once the end of vtap has begun. `name`
    /// is for error messages.
    // A call for each packet would cost 6 % of all instructions.
    #[inline(always)]
    pub(crate) fn next(&mut self, name: &str) -> Result<Option<Event<'_>>> {
        let Self { window, reader: Some(reader), cancel } = self else { return Ok(None) };
        if cancel.has_begun() {
            return Ok(None);
        }
        Ok(match reader.next(window) {
            Ok(Step::Packet(Record { time, link, place })) => {
                Some(Event::Frame { time, link, bytes: window.at(place) })
            }
            Ok(Step::Idle) => Some(Event::Idle),
            Ok(Step::End) => None,
            // That ended the input.
            Err(_) if cancel.has_begun() => None,
            Err(error) => bail!("cannot read on in {name}: {}", why(&error)),
        })
    }
}

/// What a file has next.
pub(crate) enum Event<'a> {
    /// A frame of whatever link type.
    Frame { time: Timestamp, link: Link, bytes: &'a [u8] },
    /// Nothing at the moment.
    Idle,
}

/// Why reading failed, in words for the user.
pub(crate) fn why(error: &anyhow::Error) -> String {
    match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
        Some(ErrorKind::UnexpectedEof) => "its compressed data is cut off".into(),
        Some(ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::Other) => {
            format!("its compressed data is damaged ({error})")
        }
        _ => format!("{error:#}"),
    }
}
