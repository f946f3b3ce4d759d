//! The shared parts of tests that cross crates.
//!
//! - [`components`]: components made in memory, for failures.
//! - [`guests`]: components built from the guests' sources.
//! - [`host`]: a host in memory that records calls.
//! - [`minisign`]: keys and signatures in minisign's form.
//! - [`natives`]: plugins that are executables.
//! - [`server`]: the real `mortise` program, driven from outside.
//! - [`web`]: a web server with fixed responses.

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
