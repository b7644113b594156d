//! Words for the user on standard error.

use std::{
    fmt::Arguments,
    io::{Write as _, stderr},
};

use crate::escape;

/// As `eprintln!`, for whatever names and paths: see [`line`](crate::say::line).
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// Writes a message of one or more lines. Whatever a name in it holds does nothing to the terminal.
/// That nobody reads is no failure.
pub fn line(words: Arguments<'_>) {
    let _ = writeln!(stderr(), "{}", escape::message(&words.to_string()));
}
