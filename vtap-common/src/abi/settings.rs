//! The settings of the XDP program other than the [`Selection`](crate::select::Selection).

/// Read-only data of the program. The verifier knows these values and removes code that they rule
/// out.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct KernelSettings {
    /// Whether a well-formed tunnel frame is passed to the network stack (1) or dropped (0).
    pub pass: u32,
    /// The most bytes of an inner packet that are captured.
    pub snaplen: u32,
    /// Whether frames begin with an IP header (1) or with an Ethernet header (0).
    pub bare_ip: u32,
}

/// The layout of the running kernel's socket buffers, as far as it is needed to find out how many
/// datagrams a frame holds. The first four fields are offsets in bytes. The others are masks for
/// `gso_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SkbLayout {
    /// `end` in `struct sk_buff`.
    pub end: u32,
    /// `head` in `struct sk_buff`. It follows `end` directly, or after 4 bytes of padding, which
    /// differs between kernels.
    pub head: u32,
    /// `gso_size` in `struct skb_shared_info`.
    pub gso_size: u32,
    /// `gso_type` in `struct skb_shared_info`.
    pub gso_type: u32,
    /// The bit of `gso_type` for several UDP datagrams of the same length.
    pub udp: u32,
    /// The bits of `gso_type` for tunnels. If one is set, the kernel has merged the inner packets
    /// into one, so the frame holds one datagram.
    pub tunnel: u32,
}
