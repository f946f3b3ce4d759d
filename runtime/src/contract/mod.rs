//! The contract of `wit/`, in Rust.
//!
//! - [`types`]: every type that crosses between host and plugin.
//! - [`bytes`]: how bytes look as data.
//! - `bindings`: what wasmtime generates for the functions, for the Wasm
//!   backend alone.
//! - [`Capability`]: the exports by name.

pub(crate) mod bindings;
pub mod bytes;
mod capability;
pub mod types;

pub use capability::{Capabilities, Capability};

/// The version of the package `mortise:plugin` that this host speaks. Plugins
/// built against an older compatible version load too.
pub const VERSION: &str = "0.1.0";
