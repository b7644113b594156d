//! What clap says of a wrong command line.

use clap::error::{ContextKind, ContextValue};

use crate::escape::name;

/// The same mistake, with the words of the user shown so that they do nothing to the terminal.
pub fn harmless(mut error: clap::Error) -> clap::Error {
    let typed: Vec<_> = error.context().filter_map(shown).collect();
    for (kind, value) in typed {
        error.insert(kind, value);
    }
    error
}

/// What may hold words of the user, escaped.
fn shown((kind, value): (ContextKind, &ContextValue)) -> Option<(ContextKind, ContextValue)> {
    let shown = |text: &String| name(text).to_string();
    let value = match value {
        ContextValue::String(text) => ContextValue::String(shown(text)),
        ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(shown).collect()),
        _ => return None,
    };
    Some((kind, value))
}
