//! The contract between plugins and hosts, in Rust: the types of `wit/`, and the
//! rules that hold for every host, backend and tool.
//!
//! It has no I/O, no asynchronous runtime and no engine, so that SDKs, fuzzers
//! and the tools of plugin authors can use it.
//!
//! - [`types`]: every type that crosses between host and plugin; their constructors
//!   are in `build`.
//! - [`form`]: the form encoding of queries and bodies.
//! - [`bytes`]: the data form of bytes.
//! - [`Capability`]: the exported interfaces by name; [`export`]: their functions.
//! - [`ContentError`]: the rules for the content of a message.
//! - [`manifest`]: the rules of a manifest.
//! - [`grants`], [`limits`]: the permissions of a plugin, and the bounds on its use
//!   of everything.
//! - [`schedule`]: the due times of timers.
//! - [`Digest`]: a file's identity.
//! - [`text`]: cutting text to a bound.
//!
//! The feature `host`, a default, adds the rules that hosts alone apply: [`schedule`]
//! and [`digest`]. The feature `component` adds the derives with which wasmtime lifts and lowers
//! the types. Only the WebAssembly backend needs it.

mod build;
pub mod bytes;
mod capability;
pub mod content;
#[cfg(feature = "host")]
pub mod digest;
pub mod export;
pub mod flat;
pub mod form;
pub mod grants;
#[cfg(feature = "host")]
pub mod image;
pub mod limits;
pub mod manifest;
#[cfg(feature = "host")]
pub mod schedule;
pub mod text;
pub mod types;

pub use capability::{Capabilities, Capability};
pub use content::ContentError;
#[cfg(feature = "host")]
pub use digest::Digest;
pub use grants::Grants;
pub use limits::Limits;

/// Version of the package `mortise:plugin` that this contract describes.
pub const VERSION: &str = "0.2.0";

/// All released versions, newest first. Components that were built for any of them run.
pub const VERSIONS: [&str; 2] = [VERSION, V0_1];

/// The first released version.
pub const V0_1: &str = "0.1.0";
