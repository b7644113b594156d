//! The settings, in read-only data. User space fills them before it loads the program, so the
//! verifier knows every value.

use vtap_common::{abi::KernelSettings, select::Selection, wire::LinkLayer};

use super::opaque::unknown;

#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.vtap")]
static SELECTION: Selection = Selection::ANY;

#[unsafe(no_mangle)]
#[unsafe(link_section = ".rodata.vtap")]
static SETTINGS: KernelSettings = KernelSettings { pass: 1, snaplen: 0, bare_ip: 0 };

/// What the user selected.
#[inline(always)]
pub fn selection() -> &'static Selection {
    unknown(&SELECTION)
}

/// The other settings.
#[inline(always)]
pub fn settings() -> &'static KernelSettings {
    unknown(&SETTINGS)
}

/// The first header of the frames on this interface.
#[inline(always)]
pub fn layer() -> LinkLayer {
    if settings().bare_ip == 0 { LinkLayer::Ethernet } else { LinkLayer::Ip }
}
