//! Names of interfaces, which need not be text.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use crate::escape;

/// A name or an alternative name, as the kernel keeps it: any bytes but zero.
///
/// [`Display`](fmt::Display) shows it so that it does nothing to a terminal.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Name(Vec<u8>);

impl Name {
    /// Of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// As system calls take it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As paths and arguments are.
    #[must_use]
    pub fn to_os_string(&self) -> OsString {
        OsString::from_vec(self.0.clone())
    }
}

impl From<&OsStr> for Name {
    fn from(name: &OsStr) -> Self {
        Self::new(name.as_bytes())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        escape::name(OsStr::from_bytes(&self.0)).fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_shown_without_harm() {
        for (name, shown) in [
            (&b"ens3"[..], "ens3"),
            ("straße".as_bytes(), "straße"),
            (b"enp1np\xff\x01", "enp1np\\xff\\u{1}"),
            (b"a\nb\x1b[2J", "a\\nb\\u{1b}[2J"),
            (b"", ""),
        ] {
            assert_eq!(Name::new(name).to_string(), shown);
        }
    }
}
