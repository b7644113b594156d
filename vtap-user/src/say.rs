//! Words for the user on standard error.

use std::{
    fmt::{Arguments, Write as _},
    io::{Write as _, stderr},
};

/// As `eprintln!`, for whatever names and paths: see [`line`](crate::say::line).
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// Writes a line, or more than one, in which control characters are shown and do nothing: names of
/// files and interfaces may hold them. That nobody reads is no failure.
pub fn line(words: Arguments<'_>) {
    let mut text = String::new();
    for char in words.to_string().chars() {
        if char.is_control() && char != '\n' {
            let _ = write!(text, "{}", char.escape_default());
        } else {
            text.push(char);
        }
    }
    let _ = writeln!(stderr(), "{text}");
}
