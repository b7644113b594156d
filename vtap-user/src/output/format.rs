//! How packets are written down: one file per format.

pub mod lines;
pub mod pcap;
pub mod pcapng;
