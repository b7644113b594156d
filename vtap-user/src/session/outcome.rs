//! Whether a capture did what it was asked to.

use anyhow::{Result, anyhow};

use crate::output::{Cause, Report};

/// What went wrong in either.
pub(crate) fn both(one: Result<()>, other: Result<()>) -> Result<()> {
    match (one, other) {
        (Err(error), Err(other)) => Err(anyhow!("{error:#}; and {other:#}")),
        (one, other) => one.and(other),
    }
}

/// What the outputs' failures mean for the capture.
pub fn of(outputs: &[Report], recording: bool) -> Result<()> {
    let failure = |output: &Report| {
        let failure = output.failure.as_ref()?;
        let forgiven = match failure.cause {
            // A reader that has seen enough (`vtap capture … | head`), unless packets were to be kept.
            Cause::ReaderGone => !(output.holds_up && recording),
            // One that only looks on may fall behind.
            Cause::Deadline => !output.holds_up,
            Cause::Error => false,
        };
        (!forgiven).then(|| anyhow!("{}", failure.message))
    };
    let mut result = Ok(());
    for failure in outputs.iter().filter_map(failure) {
        result = both(result, Err(failure));
    }
    result
}
