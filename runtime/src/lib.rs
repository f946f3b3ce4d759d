//! Mortise's plugin host: loads plugins, gives each user an instance, and
//! stands between a plugin and everything it may touch.
//!
//! It knows nothing of HTTP routes, databases or users' tables. An embedder
//! implements [`Host`], hands plugins their [`Grants`] and [`Limits`], and
//! calls the [`Instance`]s it gets back.
//!
//! - [`contract`]: the WIT contract's types and capabilities.
//! - [`plugin`]: the traits [`Plugin`] and [`Instance`] that every backend
//!   implements, and [`CallError`].
//! - [`host`]: the trait [`Host`] that the embedder implements.
//! - [`grants`], [`limits`]: what a plugin may do and how much of it.
//! - [`guard`]: the one place where grants and bounds are checked, in front of
//!   [`Host`], for every backend.
//! - [`wasm`]: the WebAssembly backend.
//! - [`manifest`]: the rules of a manifest.
//! - [`report`]: what is told about a plugin that does not load.
//! - [`process`]: how a native plugin's process is.
//! - [`registry`]: the plugins folder.
//! - [`schedule`]: when a timer is due.
//! - [`log`], [`digest`]: an instance's log; a file's identity.
//!
//! The example `embed` is a host in under 60 lines.

pub mod contract;
pub mod digest;
pub mod grants;
pub mod guard;
pub mod host;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod plugin;
pub mod process;
pub mod registry;
pub mod report;
pub mod schedule;
pub mod wasm;

pub use contract::{Capabilities, Capability, types};
pub use digest::Digest;
pub use grants::Grants;
pub use guard::{Guard, Rights};
pub use host::Host;
pub use limits::Limits;
pub use log::Log;
pub use plugin::{Backend, CallError, Instance, InstanceSetup, Loader, Plugin};
pub use registry::Registry;
pub use report::{LoadError, Step};
