//! See `drive::connection`.

#![no_main]

#[path = "../drive.rs"]
#[allow(dead_code, reason = "each target uses one of them")]
mod drive;
#[path = "../../src/protocol/mod.rs"]
#[allow(dead_code, missing_docs, reason = "a host uses more of it than a fuzzer")]
mod protocol;

libfuzzer_sys::fuzz_target!(|input: &[u8]| drive::connection(input));
