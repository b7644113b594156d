//! What user space sets before it loads the program: read-only data, whose every value the
//! verifier knows.

use vtap_common::{record::Settings, selection::Selection};

use super::opaque::unknown;

#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.vtap")]
static SELECTION: Selection = Selection::ANY;

#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.vtap")]
static SETTINGS: Settings = Settings { pass: 1, snaplen: 0 };

/// What the user selected.
#[inline(always)]
pub fn selection() -> &'static Selection {
    unknown(&SELECTION)
}

/// The rest.
#[inline(always)]
pub fn settings() -> &'static Settings {
    unknown(&SETTINGS)
}
