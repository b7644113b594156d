//! Words for the user on standard error.

/// As `eprintln!`, which panics where nobody reads any more: a capture outlives its terminal.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
