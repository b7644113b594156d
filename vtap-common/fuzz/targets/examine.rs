//! Fuzzes `examine` with any bytes.
#![no_main]

#[path = "../src/examine.rs"]
mod examine;

libfuzzer_sys::fuzz_target!(|input: &[u8]| examine::check(input));
