//! Text that others chose, made harmless for a terminal.
//!
//! Names of files, interfaces and rules may hold control characters, which command a terminal, and
//! formatting characters such as U+202E, which make it show other words than are there. Both are
//! shown as escapes (`\u{202e}`). Everything that is shown of a name goes through here.

use std::{
    ffi::OsStr,
    fmt::{self, Display, Formatter, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::Path,
};

/// Shows a name on one line: line breaks are escaped as well.
pub fn name(name: &(impl AsRef<OsStr> + ?Sized)) -> Escaped<'_> {
    Escaped(name.as_ref().as_bytes())
}

/// As [`name`], for paths.
pub fn path(path: &Path) -> Escaped<'_> {
    name(path)
}

/// Shows a message, in which line breaks are its own.
pub fn message(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        // Writing to a string can't fail.
        let _ = if char == '\n' { shown.write_char(char) } else { put(&mut shown, char) };
    }
    shown
}

/// Bytes that are shown with escapes for what is no printable text.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a [u8]);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|char| put(formatter, char))?;
            chunk.invalid().iter().try_for_each(|byte| write!(formatter, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Quotes and backslashes do nothing to a terminal and stay as they are.
fn put(to: &mut impl fmt::Write, char: char) -> fmt::Result {
    match char {
        '"' | '\'' | '\\' => to.write_char(char),
        // The standard library escapes what has no printable form: control and formatting
        // characters, separators of lines, marks that join the character before, unassigned ones.
        _ => write!(to, "{}", char.escape_debug()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        for (text, shown) in [
            ("plain name.pcapng", "plain name.pcapng"),
            ("größe 中 😀", "größe 中 😀"),
            (r#"it's "C:\x""#, r#"it's "C:\x""#),
            ("\u{1b}[31m", r"\u{1b}[31m"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}", r"a\u{202e}b\u{2066}c\u{200f}d\u{61c}"),
            ("a\u{200b}\u{feff}\u{ad}\u{e0041}", r"a\u{200b}\u{feff}\u{ad}\u{e0041}"),
            ("a\u{2028}b\u{2029}c\u{85}", r"a\u{2028}b\u{2029}c\u{85}"),
            ("a\tb\rc\nd", r"a\tb\rc\nd"),
        ] {
            assert_eq!(name(text).to_string(), shown);
        }
        assert_eq!(name(OsStr::from_bytes(b"a\xff\xc3\n")).to_string(), r"a\xff\xc3\n");
    }

    #[test]
    fn a_message_keeps_its_lines() {
        assert_eq!(message("one\ntwo\r\u{202e}"), "one\ntwo\\r\\u{202e}");
    }
}
