//! What the XDP program is told besides the [`Selection`](crate::select::Selection).

/// Read-only data of the program, whose values the verifier knows.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KernelSettings {
    /// Whether a tunnel packet that was examined goes on to the network stack (1) or not (0).
    pub pass: u32,
    /// Bytes of an inner packet that are captured at most.
    pub snaplen: u32,
    /// Whether frames begin with an IP header (1) or with an Ethernet header (0).
    pub bare_ip: u32,
}
