//! See `drive::connection`.

#![no_main]

#[path = "../drive.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod drive;

libfuzzer_sys::fuzz_target!(|input: &[u8]| drive::connection(input));
