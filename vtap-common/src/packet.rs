//! Access to a frame's bytes, the same for packet memory in the kernel and for a slice.

use core::ops::Deref;

use network_types::{
    eth::EthHdr,
    ip::{Ipv4Hdr, Ipv6Hdr},
    udp::UdpHdr,
    vxlan::VxlanHdr,
};

/// A header that may be read from any address.
///
/// # Safety
///
/// The type has alignment 1, no padding, and every bit pattern is a value of it.
pub unsafe trait Header: Copy {
    /// Length in bytes.
    const LEN: u32 = size_of::<Self>() as u32;
}

// SAFETY: a byte array, or `repr(C)` structs of bytes and byte arrays only.
unsafe impl<const N: usize> Header for [u8; N] {}
// SAFETY: as above.
unsafe impl<const N: usize, const M: usize> Header for [[u8; N]; M] {}
// SAFETY: as above.
unsafe impl Header for Ipv4Hdr {}
// SAFETY: as above.
unsafe impl Header for Ipv6Hdr {}
// SAFETY: as above.
unsafe impl Header for UdpHdr {}
// SAFETY: as above.
unsafe impl Header for VxlanHdr {}

/// Offsets at which headers are looked for stay below this; the verifier wants a bound under
/// 64 kB on every offset into packet memory.
pub const MAX_HEADER_OFFSET: u32 = 0x7fff;

/// Where the outer UDP header of a [plain](Packet::PLAIN) frame is.
pub const PLAIN_DATAGRAM: u32 = (EthHdr::LEN + Ipv4Hdr::LEN) as u32;

/// Where its inner ports end, behind which nothing is looked at.
pub const PLAIN_HEADERS: usize =
    2 * PLAIN_DATAGRAM as usize + UdpHdr::LEN + VxlanHdr::LEN + size_of::<[u16; 2]>();

/// A frame.
pub trait Packet {
    /// How a header is handed out: by reference where its bytes lie in one piece, else by value.
    type Ref<'a, T: Header + 'a>: Deref<Target = T>
    where
        Self: 'a;

    /// Whether headers are followed only as far as most frames have them, at offsets that the
    /// compiler knows: IPv4 inside and out, without tags or options, and TCP or UDP in it. What is
    /// not like that counts as malformed, and is to be looked at again by other access.
    const PLAIN: bool = false;

    /// Bytes present, in all fragments of the buffer.
    fn len(&self) -> u32;

    /// The header at `offset`, or `None` where the frame ends before the header does.
    fn header<T: Header>(&self, offset: u32) -> Option<Self::Ref<'_, T>>;

    /// Returns `value`, having made the verifier forget how it came about.
    ///
    /// Where many ways through the headers meet (tags, options, extension headers), the verifier
    /// would otherwise walk everything that follows once per way, and give up.
    ///
    /// The kernel side does it by a store and a load. To add a zero of which the verifier knows
    /// nothing was no faster, and took it half as long again.
    #[inline(always)]
    fn forget(&self, slot: Slot, value: u64) -> u64 {
        let _ = slot;
        value
    }

    /// Whether the frame holds no byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The places at which ways through the headers meet; see [`Packet::forget`].
#[derive(Clone, Copy)]
pub enum Slot {
    /// Where the network header begins.
    Network,
    /// Where the transport header begins.
    Transport,
    /// The family of the outer addresses.
    OuterFamily,
    /// Where the datagram ended on the wire.
    WireEnd,
    /// Where the inner packet begins.
    Inner,
    /// Where the inner packet ends.
    End,
    /// [`Inner::protocol`](crate::inner::Inner::protocol).
    Protocol,
    /// The family of the inner addresses.
    Family,
    /// [`Inner::src_port`](crate::inner::Inner::src_port).
    SrcPort,
    /// [`Inner::dst_port`](crate::inner::Inner::dst_port).
    DstPort,
    /// [`Inner::icmp_type`](crate::inner::Inner::icmp_type).
    IcmpType,
    /// [`Inner::icmp_code`](crate::inner::Inner::icmp_code).
    IcmpCode,
    /// The rule that decides.
    Rule,
}

/// Values on their way through [`Packet::forget`].
pub type Slots = [u64; Slot::Rule as usize + 1];

/// Room for the longest header, where headers are copied out of a frame in fragments.
pub type HeaderBytes = [u64; 5];

/// A packet of which only the bytes before `end` count: the inner packet ends where the UDP
/// length says, not where the frame does (Ethernet padding, trailers of a driver).
pub struct Bounded<'p, P> {
    packet: &'p P,
    end: u32,
}

impl<'p, P: Packet> Bounded<'p, P> {
    /// The bytes of `packet` before `end`.
    #[inline(always)]
    pub const fn new(packet: &'p P, end: u32) -> Self {
        Self { packet, end }
    }
}

impl<P: Packet> Packet for Bounded<'_, P> {
    const PLAIN: bool = P::PLAIN;

    type Ref<'a, T: Header + 'a>
        = P::Ref<'a, T>
    where
        Self: 'a;

    #[inline(always)]
    fn len(&self) -> u32 {
        self.end
    }

    #[inline(always)]
    fn header<T: Header>(&self, offset: u32) -> Option<Self::Ref<'_, T>> {
        if offset + T::LEN > self.end {
            return None;
        }
        self.packet.header(offset)
    }

    #[inline(always)]
    fn forget(&self, slot: Slot, value: u64) -> u64 {
        self.packet.forget(slot, value)
    }
}

/// A frame in one piece of ordinary memory.
impl Packet for &[u8] {
    type Ref<'a, T: Header + 'a>
        = &'a T
    where
        Self: 'a;

    fn len(&self) -> u32 {
        u32::try_from(<[u8]>::len(self)).unwrap_or(u32::MAX)
    }

    fn header<T: Header>(&self, offset: u32) -> Option<&T> {
        if offset > MAX_HEADER_OFFSET {
            return None;
        }
        let start = offset as usize;
        let bytes = self.get(start..start + size_of::<T>())?;
        // SAFETY: `bytes` is as long as `T`; `Header` promises alignment 1 and any bit pattern.
        Some(unsafe { &*bytes.as_ptr().cast::<T>() })
    }
}

/// A frame in ordinary memory that may be [plain](Packet::PLAIN): what the kernel side looks at
/// first.
pub struct PlainFrame<'a>(&'a [u8]);

impl<'a> PlainFrame<'a> {
    /// The frame, if it ends where the datagram does that it may be: neither cut nor padded.
    #[must_use]
    pub fn new(frame: &'a [u8]) -> Option<Self> {
        let end = PLAIN_DATAGRAM + u32::from(frame.header::<UdpHdr>(PLAIN_DATAGRAM)?.len());
        (end as usize >= PLAIN_HEADERS && end == Packet::len(&frame)).then_some(Self(frame))
    }
}

impl Packet for PlainFrame<'_> {
    type Ref<'a, T: Header + 'a>
        = &'a T
    where
        Self: 'a;

    const PLAIN: bool = true;

    fn len(&self) -> u32 {
        Packet::len(&self.0)
    }

    fn header<T: Header>(&self, offset: u32) -> Option<&T> {
        self.0.header(offset)
    }
}
