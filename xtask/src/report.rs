//! What the tasks tell their user. It goes to standard error, as standard output is vtap's.

use std::{
    fmt::Display,
    io::{Write as _, stderr},
};

/// Something is as it should be.
pub fn found(text: impl Display) {
    line("✓", text);
}

/// Something begins.
pub fn doing(text: impl Display) {
    line("→", text);
}

/// Something is amiss, but the task goes on.
pub fn warning(text: impl Display) {
    line("!", text);
}

/// Part of the line above.
pub fn detail(text: impl Display) {
    line(" ", text);
}

/// The task failed.
pub fn failure(error: &anyhow::Error) {
    line("error:", format_args!("{error:#}"));
}

/// `eprintln` would panic where the terminal is gone, and that in the midst of cleaning up.
fn line(mark: &str, text: impl Display) {
    let _ = writeln!(stderr(), "{mark} {text}");
}
