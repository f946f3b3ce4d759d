//! The shared parts of tests that cross crates.
//!
//! - `components`, `host`: the fixtures of the runtime's tests.
//! - [`guests`]: components built from the guests' sources.
//! - [`minisign`]: keys and signatures in minisign's form.
//! - [`natives`]: plugins that are executables.
//! - [`registry`]: a real registry.
//! - [`server`]: the real `mortise` program, driven from outside.
//! - [`web`]: a web server with fixed responses.

pub mod guests;
pub mod minisign;
pub mod natives;
pub mod registry;
pub mod server;
pub mod web;

pub use mortise_fixtures::{components, host};

/// The code on the page about embedding compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
mod embedding {}
