//! What becomes of delivered packets.
//!
//! Each output is a [`lane`]: a queue and a thread of its own. A packet's way through it:
//!
//! [`format`] (bytes of a file or of lines) → [`compression`] (if any) → [`transport`] (a file, a
//! pipe, a terminal). [`registry`] lists what a command line asks for.
//!
//! A new kind of any of these is one new file and one line in the list of its kin:
//!
//! | what | where |
//! |---|---|
//! | JSON lines, fields | `format/json.rs`, `format/fields.rs`; chosen in `registry::lines` |
//! | another compression | `compression/NAME.rs`; a line in `compression::ALL` |
//! | rotation (`-C -G -W -z`) | `transport/rotation.rs`; chosen in `registry::recording` |
//! | clients (`--listen`) | `transport/client.rs`; a policy in `lane/policy.rs` that cuts off |
//! | metrics, a live screen | nothing here: they read [`lane::status::Status`] |

mod collision;
mod compression;
mod format;
mod lane;
mod registry;
pub(crate) mod transport;

#[cfg(test)]
pub(crate) use self::lane::status::Failure;
pub(crate) use self::{
    compression::is_compressed,
    lane::{
        Lane,
        status::{Cause, Report, Status as OutputStatus},
    },
    registry::open,
};
