//! What the tasks tell their user. It goes to standard error, as standard output is vtap's.

use std::{
    cell::RefCell,
    fmt::Display,
    io::{Write as _, stderr},
};

thread_local! {
    static TOPIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What this thread tells from here on is of `topic`: others tell of theirs at the same time.
pub fn of(topic: impl Display) {
    TOPIC.set(format!("{topic}: "));
}

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
    TOPIC.with_borrow(|topic| {
        let _ = writeln!(stderr(), "{mark} {topic}{text}");
    });
}
