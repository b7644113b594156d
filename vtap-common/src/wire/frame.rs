//! Access to a frame's bytes. [`Frame`] hides whether they are in the kernel's packet memory or in
//! a slice of user space.

use core::ops::Deref;

use network_types::{
    ip::{Ipv4Hdr, Ipv6Hdr},
    udp::UdpHdr,
};

use super::{
    ipv6::{self, Extensions},
    network::Protocol,
};

/// A header that may be read from any address.
///
/// # Safety
///
/// The type has alignment 1, no padding, and every bit pattern is a value of it.
pub unsafe trait Header: Copy {
    /// Length in bytes.
    const LEN: u32 = {
        assert!(align_of::<Self>() == 1);
        size_of::<Self>() as u32
    };
}

// SAFETY: bytes only.
unsafe impl<const N: usize> Header for [u8; N] {}
// SAFETY: bytes only.
unsafe impl<const N: usize, const M: usize> Header for [[u8; N]; M] {}
// SAFETY: a `repr(C)` struct whose fields are all bytes or byte arrays.
unsafe impl Header for Ipv4Hdr {}
// SAFETY: as above.
unsafe impl Header for Ipv6Hdr {}
// SAFETY: as above.
unsafe impl Header for UdpHdr {}

/// The greatest offset at which a header is read. The verifier accepts a variable offset into
/// packet memory only if it can prove that the offset stays below 64 KiB. Half of that leaves room
/// for the header itself. It also leaves room for the copy of a long packet, whose second call
/// begins 32 KiB later (`Access::copy` in vtap-ebpf).
pub const MAX_HEADER_OFFSET: u32 = 0x7fff;

/// A frame.
pub trait Frame {
    /// What [`Frame::header`] returns: a reference where the frame lies in one piece, else a copy.
    type Ref<'a, T: Header + 'a>: Deref<Target = T>
    where
        Self: 'a;

    /// Whether this is the fast path, which reads only the most common form of a frame
    /// ([`crate::fast_path`]). There, the compiler knows the offset of every header. For a frame of
    /// any other form, the parsers return some error, and the caller examines it again on the slow
    /// path. The kind of the error does not matter.
    const FAST_PATH: bool = false;

    /// The number of bytes of the frame that are present, in all its buffers.
    fn len(&self) -> u32;

    /// The header at `offset`. `None` if the frame ends before the header does, or if `offset` is
    /// greater than [`MAX_HEADER_OFFSET`].
    fn header<T: Header>(&self, offset: u32) -> Option<Self::Ref<'_, T>>;

    /// Returns `value`, and makes the verifier forget what it knows about it.
    ///
    /// The verifier checks the rest of the program once for each state in which it can be reached.
    /// Optional headers (tags, options, extension headers) multiply these states until the verifier
    /// gives up. So where the paths join again, the values in which they differ are laundered. One
    /// check then covers all paths.
    ///
    /// The kernel side writes the value to a map and reads it back. The alternative is to add a
    /// zero whose value the verifier does not know. That was no faster at run time, and
    /// verification took 50 % longer.
    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        let _ = slot;
        value
    }

    /// Follows the extension headers of an IPv6 packet; see [`ipv6::follow`]. The kernel side
    /// overrides this with a function that the verifier checks separately.
    #[inline(always)]
    fn follow_extensions(&self, payload: u32, protocol: Protocol, end: u32) -> Extensions
    where
        Self: Sized,
    {
        ipv6::follow(self, payload, protocol, end)
    }

    /// Whether the frame is empty.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The values that are laundered; see [`Frame::launder_for_verifier`]. The first five are used for
/// the outer and then for the inner headers. All `Where` values are offsets in the frame.
#[derive(Clone, Copy)]
pub enum Slot {
    /// Where the network header begins.
    Network,
    /// Where the transport header begins.
    Transport,
    /// Where the IP packet ends, as its header states.
    NetworkEnd,
    /// Whether the IP packet is a fragment.
    Fragment,
    /// The protocol that the IP packet carries.
    Carried,
    /// The family of the outer addresses.
    OuterFamily,
    /// Where the datagram would end if the frame were not truncated.
    WireEnd,
    /// Where the inner packet begins.
    Inner,
    /// Where the datagram ends in the frame.
    End,
    /// Where the present bytes of the inner IP packet end.
    InnerEnd,
    /// Which header of the inner packet is damaged.
    Damage,
    /// The inner protocol.
    Protocol,
    /// The family of the inner addresses.
    Family,
    /// The first word of the inner source address.
    SrcHigh,
    /// The second word of the inner source address.
    SrcLow,
    /// The first word of the inner destination address.
    DstHigh,
    /// The second word of the inner destination address.
    DstLow,
    /// The inner source port.
    SrcPort,
    /// The inner destination port.
    DstPort,
    /// The inner ICMP type.
    IcmpType,
    /// The inner ICMP code.
    IcmpCode,
    /// The number of the rule that decides. This must stay the last slot; see [`Slots`].
    Rule,
}

/// A place for each [`Slot`].
pub type Slots = [u64; Slot::Rule as usize + 1];

/// Room for the longest header. A header of a multi-buffer frame is copied here before it is read.
pub type HeaderBytes = [u64; 5];

/// A view of the part of a frame before `end`. Headers are read through it, because bytes that do
/// not belong to the datagram (Ethernet padding or a driver's trailer) may follow in the frame.
pub struct Bounded<'f, F> {
    frame: &'f F,
    end: u32,
}

impl<'f, F: Frame> Bounded<'f, F> {
    /// The bytes of `frame` before `end`.
    #[inline(always)]
    pub const fn new(frame: &'f F, end: u32) -> Self {
        Self { frame, end }
    }
}

impl<F: Frame> Frame for Bounded<'_, F> {
    const FAST_PATH: bool = F::FAST_PATH;

    type Ref<'a, T: Header + 'a>
        = F::Ref<'a, T>
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
        self.frame.header(offset)
    }

    #[inline(always)]
    fn launder_for_verifier(&self, slot: Slot, value: u64) -> u64 {
        self.frame.launder_for_verifier(slot, value)
    }

    #[inline(always)]
    fn follow_extensions(&self, payload: u32, protocol: Protocol, end: u32) -> Extensions {
        self.frame.follow_extensions(payload, protocol, end)
    }
}

/// A frame in one piece of ordinary memory.
impl Frame for &[u8] {
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
