use std::io::Read as _;

use super::*;

/// What a decoder of another make gets of a whole stream.
fn unpacked(ending: &str, packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = match ending {
        "zst" => ::zstd::Decoder::new(packed).unwrap().read_to_end(&mut bytes),
        _ => flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes),
    };
    read.unwrap();
    bytes
}

/// Bytes that compress badly.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

#[test]
fn a_stream_may_end_behind_every_flush() {
    for (ending, make) in ALL {
        let mut compression = make().unwrap();
        let (mut plain, mut packed) = (Vec::<u8>::new(), Vec::new());
        for len in [10, 1, 0, 300_000, 65_536, 5] {
            for part in noise(len).chunks(100_000) {
                compression.compress(part, &mut packed).unwrap();
                plain.extend(part);
            }
            compression.flush(&mut packed).unwrap();
            let whole = [&packed[..], &compression.ending()].concat();
            assert!(unpacked(ending, &whole) == plain, "{ending}: {len}");
        }
        // Nothing is left to be given.
        let len = packed.len();
        assert!(len < plain.len() + 1000, "{ending}");
    }
}

#[test]
fn what_is_alike_is_compressed_across_flushes() {
    for (ending, make) in ALL {
        let mut compression = make().unwrap();
        let mut packed = Vec::new();
        for _ in 0..100 {
            compression.compress(&noise(1000), &mut packed).unwrap();
            compression.flush(&mut packed).unwrap();
        }
        assert!(packed.len() < 5000, "{ending}: {}", packed.len());
    }
}

#[test]
fn names_tell_the_method() {
    for (name, is) in [("x.pcap.zst", true), ("x.gz", true), ("x.pcap", false), ("zst", false)] {
        assert_eq!(of(Path::new(name)).unwrap().is_some(), is, "{name}");
        assert_eq!(Path::new(name).extension().is_some_and(is_compressed), is, "{name}");
    }
}
