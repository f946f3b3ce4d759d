//! What the tests that cross crates share.
//!
//! - [`components`]: components made in memory, for what must fail.
//! - [`host`]: a host that keeps everything in memory and tells what happened.

pub mod components;
pub mod host;
