//! Extism with the same work as the benchmarks of `tests/benches/call.rs`: see
//! `benches/extism.rs`.
