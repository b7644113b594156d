//! Damage to a frame that had a form.

use fastrand::Rng;

use super::{noise, once_in, one_of, outer, put_be16};

/// Where headers are; damage behind them changes little.
const HEADERS: usize = 160;
/// About where lengths and offsets have their limits.
const LIMITS: [u16; 14] = [0, 1, 7, 8, 9, 19, 20, 28, 40, 0x0800, 0x7fff, 0x8100, 0x86dd, 0xffff];

/// Damages it in one to four places or ways.
pub fn damage(frame: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..rng.u8(1..=4) {
        if frame.len() < 2 {
            return;
        }
        one(frame, rng);
    }
}

fn one(frame: &mut Vec<u8>, rng: &mut Rng) {
    let within = if once_in(rng, 10) { frame.len() } else { frame.len().min(HEADERS) };
    let at = rng.usize(..within - 1);
    match rng.u8(..12) {
        0..=2 => frame[at] ^= 1 << rng.u8(..8),
        3..=4 => frame[at] = rng.u8(..),
        5 => {
            let limit = one_of(rng, &LIMITS);
            put_be16(frame, at, limit);
        }
        6 => {
            let len = frame.len().wrapping_sub(at) as u16;
            put_be16(frame, at, len.wrapping_add(u16::from(rng.u8(..3))).wrapping_sub(1));
        }
        7..=8 => frame.truncate(at),
        9 => {
            // A header too many, or too few.
            let end = frame.len().min(at + rng.usize(1..=60));
            if rng.bool() {
                let piece = frame[at..end].to_vec();
                frame.splice(at..at, piece);
            } else {
                frame.drain(at..end);
            }
        }
        10 => {
            let mut other = Vec::new();
            outer::write(&mut other, rng);
            frame.truncate(at);
            frame.extend(other.iter().skip(at));
        }
        _ => noise(frame, rng, 40),
    }
}
