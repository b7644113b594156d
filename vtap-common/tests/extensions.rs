//! IPv6 extension headers, as bytes written by hand.

use vtap_common::wire::{
    Fragment, Protocol,
    ipv6::{Extensions, extension_len, follow, is_extension},
};

/// What follows the extension headers: its offset, its protocol, and the kind of fragment. `None`
/// and the offset of the damaged header if one is damaged.
type Followed = (u32, Option<(u32, Fragment)>);

/// Follows the headers, the first of which is of the kind `first`.
fn followed(first: u32, headers: &[u8]) -> Followed {
    // Bytes after the end of the packet do not belong to it.
    let frame = [&[0xee; 3], headers, &[0; 64]].concat();
    let end = 3 + headers.len() as u32;
    let extensions = follow(&frame.as_slice(), 3, Protocol(first), end);
    let extensions = Extensions::from_number(extensions.number());
    let Protocol(protocol) = extensions.protocol();
    let payload = extensions.payload() - 3;
    if extensions.damaged() {
        assert_eq!(extensions.protocol(), Protocol::OTHER);
        return (payload, None);
    }
    (payload, Some((protocol, extensions.fragment())))
}

/// A header of 8 bytes before a header of the kind `next`. All other bytes are 0xff.
fn header(next: u8) -> [u8; 8] {
    [next, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
}

/// A fragment header. Its second byte is reserved.
fn fragment(next: u8, offset_and_flags: u16) -> [u8; 8] {
    let [high, low] = offset_and_flags.to_be_bytes();
    [next, 0xff, high, low, 0xff, 0xff, 0xff, 0xff]
}

/// Numbers as IANA assigns them.
#[test]
fn six_kinds_are_extensions() {
    let kinds: Vec<_> = (0..=0x101).filter(|kind| is_extension(Protocol(*kind))).collect();
    assert_eq!(kinds, [0, 43, 44, 51, 60, 135]);
}

#[test]
fn each_kind_has_its_unit_of_length() {
    for kind in [0, 43, 60, 135] {
        let lens = [0, 1, 2, 255].map(|len| extension_len(kind, len));
        assert_eq!(lens, [8, 16, 24, 2048], "{kind}");
    }
    assert_eq!([0, 1, 4, 255].map(|len| extension_len(51, len)), [8, 12, 24, 1028]);
    assert_eq!([0, 1, 255].map(|len| extension_len(44, len)), [8; 3]);
}

#[test]
fn headers_are_followed_to_their_end() {
    assert_eq!(followed(17, &header(6)), (0, Some((17, Fragment::NO))));
    for kind in [0, 43, 60, 135, 51] {
        assert_eq!(followed(kind, &header(17)), (8, Some((17, Fragment::NO))), "{kind}");
        assert_eq!(followed(kind, &header(17)[..7]), (0, None), "{kind}");
    }
    let mut long = [&header(17)[..], &[0xff; 8]].concat();
    long[1] = 1;
    assert_eq!(followed(60, &long), (16, Some((17, Fragment::NO))));
    assert_eq!(followed(60, &long[..15]), (0, None));
    assert_eq!(followed(51, &long), (12, Some((17, Fragment::NO))));
    assert_eq!(followed(51, &long[..12]), (12, Some((17, Fragment::NO))));
    assert_eq!(followed(51, &long[..11]), (0, None));
    let two = [header(60), header(58)].concat();
    assert_eq!(followed(0, &two), (16, Some((58, Fragment::NO))));
    assert_eq!(followed(0, &two[..15]), (8, None));
}

/// The last three bits are reserved (2) and the flag that more fragments follow.
#[test]
fn a_fragment_header_says_which_fragment_it_is() {
    let kind = |offset_and_flags| followed(44, &fragment(17, offset_and_flags));
    for whole in [0, 2, 4, 6] {
        assert_eq!(kind(whole), (8, Some((17, Fragment::NO))), "{whole:#x}");
    }
    for first in [1, 3, 7] {
        assert_eq!(kind(first), (8, Some((17, Fragment::FIRST))), "{first:#x}");
    }
    for later in [8, 9, 0x10, 0x100, 0x8000, 0xffff] {
        assert_eq!(kind(later), (8, Some((17, Fragment::LATER))), "{later:#x}");
    }
    // Other headers may follow that of a first fragment. After that of a later one is data.
    for (flags, expected) in [(1, Fragment::FIRST), (0, Fragment::NO)] {
        let headers = [fragment(60, flags), header(17)].concat();
        assert_eq!(followed(44, &headers), (16, Some((17, expected))));
        let headers = [header(44), fragment(17, flags)].concat();
        assert_eq!(followed(0, &headers), (16, Some((17, expected))));
    }
    let headers = [fragment(60, 8), header(17)].concat();
    assert_eq!(followed(44, &headers), (8, Some((60, Fragment::LATER))));
    // One of two fragment headers says that more follow.
    for flags in [[1, 0], [0, 1], [1, 1]] {
        let headers = [fragment(44, flags[0]), fragment(17, flags[1])].concat();
        assert_eq!(followed(44, &headers), (16, Some((17, Fragment::FIRST))));
    }
}

#[test]
fn eight_headers_are_followed() {
    let mut headers = header(60).repeat(8);
    headers[56] = 17;
    assert_eq!(followed(60, &headers), (64, Some((17, Fragment::NO))));
    headers[56] = 60;
    headers.extend(header(17));
    assert_eq!(followed(60, &headers), (64, None));
}
