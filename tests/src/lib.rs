//! What the tests that cross crates share.
//!
//! - [`components`]: components made in memory, for what must fail.
//! - [`guests`]: components built from the guests' sources.
//! - [`host`]: a host that keeps everything in memory and tells what happened.
//! - [`minisign`]: keys and signatures as minisign makes them.
//! - [`natives`]: plugins that are executables.
//! - [`server`]: the real `mortise` program, driven from outside.
//! - [`web`]: a web server that answers as it was told.

pub mod components;
pub mod guests;
pub mod host;
pub mod minisign;
pub mod natives;
pub mod server;
pub mod web;

/// The code on the page about embedding compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
mod embedding {}
