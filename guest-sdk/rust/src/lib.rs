//! Write plugins for Mortise.
//!
//! A plugin is a type that implements [`Plugin`] and its capabilities, and one
//! line that exports them:
//!
//! ```
//! use mortise_plugin::prelude::*;
//!
//! struct Shout;
//!
//! impl Plugin for Shout {
//!     fn manifest() -> Manifest {
//!         Manifest::new("org.example.shout", "Shout")
//!             .version("1.0.0")
//!             .wants(Permission::FilterMessages, "to put titles in capitals")
//!     }
//!
//!     fn new(_context: Context) -> Self {
//!         Self
//!     }
//! }
//!
//! impl Filter for Shout {
//!     fn filter(&mut self, mut draft: Draft) -> Result<Verdict, String> {
//!         draft.content.title = draft.content.title.to_uppercase();
//!         Ok(Verdict::Replace(draft.content))
//!     }
//! }
//!
//! mortise_plugin::export!(Shout: Filter);
//! # fn main() {}
//! ```
//!
//! With `crate-type = ["cdylib"]`, `cargo build --release --target
//! wasm32-wasip2` builds the component. No part of this crate's interface is
//! specific to WebAssembly: the same source builds for the machine itself, and
//! [`testing`] takes the server's place in unit tests.
//!
//! A program, `src/main.rs`, uses [`main!`] instead of `export!`. The same
//! command builds the component, and `cargo build --release` builds a native
//! plugin: an executable that the server runs as a process.
//!
//! - [`types`]: the contract's types, with their constructors.
//! - [`form`]: the form encoding of queries and bodies.
//! - [`Plugin`], [`Configurer`], [`Displayer`], [`Webhook`], [`Filter`],
//!   [`Listener`], [`Timer`]: the traits that a plugin implements.
//! - [`Context`]: the functions of the host.
//! - [`http`]: HTTP requests.
//! - `events`, with the feature `tracing`: the events of the crate `tracing` in the
//!   plugin's log.
//! - `backend`: the boundary between this crate and the hosts.
//!
//! The plugin's log has everything that the plugin prints to standard output or
//! standard error, including a panic's message.

mod backend;
pub mod config;
mod context;
#[cfg(feature = "tracing")]
pub mod events;
pub mod http;
mod plugin;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use context::{Context, Storage, Timers};
pub use mortise_contract::{form, types};
pub use plugin::{Configurer, Displayer, Filter, Listener, Plugin, Timer, Webhook};
pub use {schemars, serde, serde_json};

#[doc(hidden)]
pub use backend::exports as __exports;

/// The usual imports of a plugin. For the derives `Serialize`, `Deserialize`
/// and `JsonSchema`, add `serde` and `schemars` to the plugin's own
/// dependencies.
pub mod prelude {
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};

    pub use crate::{
        Configurer, Context, Displayer, Filter, Listener, Plugin, Timer, Webhook,
        http::{HttpRequest, HttpResponse},
        types::*,
    };
}

/// Exports a type as the plugin: `export!(Type: Capability, Capability, …);`,
/// once in a crate. The type implements [`Plugin`] and the named traits, which
/// may be [`Configurer`], [`Displayer`], [`Webhook`], [`Filter`], [`Listener`]
/// and [`Timer`]. The host calls only these.
#[macro_export]
macro_rules! export {
    ($plugin:ident $(: $($capability:ident),* $(,)?)?) => {
        $crate::__export!($plugin: $($($capability)*)?);

        // A library built for the machine exports nothing; this keeps the
        // compiler from reporting the plugin as unused.
        const _: fn() -> ::std::process::ExitCode = $crate::__exports::main::<$plugin>;
    };
}

/// Exports a type like [`export!`], in a program's `main.rs`: `main!(Type:
/// Capability, Capability, …);`. Built for WebAssembly, the program is a
/// component; built for the machine, it is a native plugin. It defines `main`.
#[macro_export]
macro_rules! main {
    ($plugin:ident $(: $($capability:ident),* $(,)?)?) => {
        $crate::__export!($plugin: $($($capability)*)?);

        fn main() -> ::std::process::ExitCode {
            $crate::__exports::main::<$plugin>()
        }
    };
}

/// Runs the code on the page about writing plugins.
#[cfg(all(doctest, feature = "http", feature = "tracing"))]
#[doc = include_str!("../../../docs/writing-a-plugin.md")]
mod writing_a_plugin {}
