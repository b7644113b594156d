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

/// Where the running kernel keeps what tells how many datagrams a frame holds: offsets in bytes, and
/// bits of `gso_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SkbLayout {
    /// `tail` of `struct sk_buff`, which `end` and `head` follow.
    pub tail: u32,
    /// `gso_size` of `struct skb_shared_info`.
    pub gso_size: u32,
    /// `gso_type` of the same.
    pub gso_type: u32,
    /// The bit for UDP datagrams of one length.
    pub udp: u32,
    /// The bits for packets within a tunnel, which are merged into one packet.
    pub tunnel: u32,
}
