//! What the integration tests are made of: namespaces joined by a wire, a sender of raw
//! frames, the `vtap` binary, and frames.

pub mod arrivals;
pub mod capture;
pub mod file;
pub mod frames;
pub mod hostile;
pub mod need;
pub mod net;
pub mod peer;
pub mod segments;
pub mod sender;
pub mod tun;
pub mod wire;
pub mod written;
