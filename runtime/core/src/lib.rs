//! Mortise's plugin host: the traits that join plugins to a host, and the guard
//! that stands between a plugin and everything it may touch.
//!
//! It knows nothing of WebAssembly, processes, HTTP routes, databases or users'
//! tables. An embedder implements [`Host`], hands plugins their [`Grants`] and
//! [`Limits`], and calls the [`Instance`]s it gets back from a backend
//! (`mortise-wasm`, `mortise-native`).
//!
//! - [`contract`]: the contract's types, capabilities and rules.
//! - [`plugin`]: the traits [`Plugin`] and [`Instance`] that every backend
//!   implements.
//! - [`CallError`]: the failures of a call.
//! - [`lifecycle`]: the way of an instance's code from its making to its start.
//! - [`host`]: the trait [`Host`] that the embedder implements.
//! - [`guard`]: the one place where grants and bounds are checked, in front of
//!   [`Host`], for every backend.
//! - [`files`]: reading files that others could have put in place.
//! - [`report`]: the report of a plugin that does not load.
//! - [`process`]: the status of a native plugin's process.
//! - [`protected`]: the server's own directories, which no plugin may use.
//! - [`registry`]: the plugins folder.
//! - [`log`]: an instance's log.
//! - [`trace`]: the trace of a message or request.
//! - [`yaml`]: the reader of configurations.

mod call_error;
pub mod files;
pub mod guard;
pub mod host;
pub mod lifecycle;
pub mod log;
pub mod plugin;
pub mod process;
pub mod protected;
pub mod registry;
pub mod report;
mod staged;
pub mod trace;
pub mod yaml;

pub use mortise_contract::{
    self as contract, Capabilities, Capability, ContentError, Digest, Grants, Limits, digest, flat,
    grants, image, limits, manifest, schedule, text, types,
};

pub use call_error::CallError;
pub use guard::{Guard, Rights};
pub use host::{Host, Origin};
pub use log::Log;
pub use plugin::{Backend, Instance, InstanceSetup, Loader, Plugin, PluginDescription};
pub use protected::Protected;
pub use registry::Registry;
pub use report::{LoadError, Step};
pub use staged::Staged;
