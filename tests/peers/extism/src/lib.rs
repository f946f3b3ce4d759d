//! Extism with the same work as the benchmarks of `tests/benches/paths/call.rs`: see
//! `benches/extism.rs`.
