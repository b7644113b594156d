//! Frames that a sender of ill will, a bad cable or a new device might send: of every form that
//! vtap reads and many that it does not, whole, damaged, and without any form at all.
//!
//! A frame is a function of the seed and its number, so that any one can be made again.

mod damage;
mod inner;
mod network;
mod outer;

use fastrand::Rng;

/// The shortest frame that the kernel takes for a test (`ETH_HLEN`).
pub const SHORTEST: usize = 14;
/// Above this, a frame does not fit the 17 fragments that the kernel makes of it for a test.
const LONGEST: usize = 68_000;

/// Of a hundred frames, those that stay as they were built.
const WHOLE: u8 = 55;
/// And those that are damaged; the rest never had a form.
const DAMAGED: u8 = 40;

/// The frame of a number.
#[must_use]
pub fn frame(seed: u64, number: u64) -> Vec<u8> {
    let mut rng = rng(seed, number);
    let mut frame = Vec::with_capacity(512);
    match rng.u8(..100) {
        kind if kind < WHOLE => outer::write(&mut frame, &mut rng),
        kind if kind < WHOLE + DAMAGED => {
            outer::write(&mut frame, &mut rng);
            damage::damage(&mut frame, &mut rng);
        }
        _ => noise(&mut frame, &mut rng, 300),
    }
    fit(&mut frame);
    frame
}

/// Random numbers that belong to a frame.
#[must_use]
pub fn rng(seed: u64, number: u64) -> Rng {
    // Neighbouring numbers must not give similar sequences.
    Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Makes the frame one that the kernel takes.
pub fn fit(frame: &mut Vec<u8>) {
    frame.truncate(LONGEST);
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
}

/// Up to `most` random bytes.
fn noise(out: &mut Vec<u8>, rng: &mut Rng, most: usize) {
    let len = rng.usize(..=most);
    fill(out, rng, len);
}

fn fill(out: &mut Vec<u8>, rng: &mut Rng, len: usize) {
    let start = out.len();
    out.resize(start + len, 0);
    rng.fill(&mut out[start..]);
}

/// True once in `times`.
fn once_in(rng: &mut Rng, times: u32) -> bool {
    rng.u32(..times) == 0
}

/// One of them.
fn one_of<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(..choices.len())]
}

fn put_be16(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// What a length field says of `len` bytes: mostly that, at times something else. Zero is how
/// super-frames of 64 kB and more have it, more is how a cut packet has it.
fn stated_length(rng: &mut Rng, len: usize) -> u16 {
    match rng.u8(..100) {
        0..=2 => 0,
        3..=6 => (len + rng.usize(1..2000)).try_into().unwrap_or(u16::MAX),
        7 => len.saturating_sub(rng.usize(1..60)).try_into().unwrap_or(u16::MAX),
        8 if rng.bool() => rng.u16(..8),
        8 => rng.u16(..),
        _ => len.try_into().unwrap_or(0),
    }
}
