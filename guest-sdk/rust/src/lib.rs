//! Write plugins for Mortise.
//!
//! A plugin is a type that implements [`Plugin`] and the capabilities it wants,
//! and one line that exports them:
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
//! wasm32-wasip2` makes the component. Nothing in this crate's surface is
//! particular to WebAssembly: the same source builds for the machine itself,
//! where [`testing`] stands in for the server in unit tests.
//!
//! In a program, `src/main.rs`, with [`main!`] in place of `export!`, the same
//! command makes the component, and `cargo build --release` a native plugin:
//! an executable that the server runs as a process.
//!
//! - [`types`]: the contract's types; constructors for them are in `build`.
//! - [`Plugin`], [`Configurer`], [`Displayer`], [`Webhook`], [`Filter`],
//!   [`Listener`], [`Timer`]: what a plugin implements; when each is called.
//! - [`Context`]: what a plugin asks of its host.
//! - [`http`]: calling out.
//! - `backend`: the one seam between this crate and what runs the plugin.
//!
//! What a plugin prints to standard output or standard error, a panic's message
//! included, ends up in its log.

mod backend;
mod build;
mod bytes;
pub mod config;
mod context;
pub mod form;
pub mod http;
mod plugin;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod types;

pub use context::{Context, Storage, Timers};
pub use plugin::{Configurer, Displayer, Filter, Listener, Plugin, Timer, Webhook};
pub use {schemars, serde, serde_json};

#[doc(hidden)]
pub use backend::exports as __exports;

/// All that a plugin usually needs. The derives `Serialize`, `Deserialize` and
/// `JsonSchema` need the crates `serde` and `schemars` among the plugin's own
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

/// Makes a type the plugin: `export!(Type: Capability, Capability, …);`, once in
/// a crate. The type implements [`Plugin`] and each of the traits named, which
/// are any of [`Configurer`], [`Displayer`], [`Webhook`], [`Filter`],
/// [`Listener`] and [`Timer`]. The host offers the plugin for exactly these.
#[macro_export]
macro_rules! export {
    ($plugin:ident $(: $($capability:ident),* $(,)?)?) => {
        $crate::__export!($plugin: $($($capability)*)?);

        // A library that is built for the machine exports nothing; this keeps
        // the compiler from calling the plugin unused.
        const _: fn() -> ::std::process::ExitCode = $crate::__exports::main::<$plugin>;
    };
}

/// As [`export!`], in a program's `main.rs`, of which it is all that is beside
/// the plugin itself: `main!(Type: Capability, Capability, …);`. Built for
/// WebAssembly the program is a component like any other; built for the machine
/// it is a native plugin.
#[macro_export]
macro_rules! main {
    ($plugin:ident $(: $($capability:ident),* $(,)?)?) => {
        $crate::__export!($plugin: $($($capability)*)?);

        fn main() -> ::std::process::ExitCode {
            $crate::__exports::main::<$plugin>()
        }
    };
}

/// The code on the page about writing plugins runs.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/writing-a-plugin.md")]
mod writing_a_plugin {}
