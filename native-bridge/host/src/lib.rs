//! Runs native executables as plugins, under the contract of
//! [`mortise_runtime`]. Apart from the backend's name, they look like
//! components to the host. Knows nothing of WebAssembly, HTTP routes or
//! databases.
//!
//! - `mortise_protocol`: the protocol, without I/O. `PROTOCOL.md` describes it for
//!   authors of SDKs.
//! - [`transport`]: what carries it.
//! - [`connection`]: calls in both directions over it.
//! - [`sandbox`]: what a plugin's process may touch.
//! - [`launch`]: the process between the host and a plugin.
//! - `proxy`: the connections of processes to granted hosts.
//! - `supervisor`: keeps a plugin's process running.
//! - [`NativeBackend`], [`NativePlugin`]: the runtime's traits, over all this.
//! - `imports`, `instance`: what a plugin asks of its host, and one user's
//!   instance.
//!
//! Processes are supervised on Unix, and confined on Linux. Elsewhere there are
//! the protocol, the transport and the connection only.
//!
//! A host calls [`launch::intercept`] first thing in `main`, and adds
//! `Arc::new(NativeBackend::new(Settings::default())?)` to its loaders.

#![cfg_attr(
    not(unix),
    allow(
        dead_code,
        reason = "what starts processes and calls them is not there"
    )
)]

mod activity;
#[cfg(unix)]
mod backend;
pub mod connection;
#[cfg(unix)]
mod folders;
#[cfg(target_os = "linux")]
mod groups;
#[cfg(unix)]
mod imports;
#[cfg(unix)]
mod instance;
#[cfg(unix)]
mod lasting;
pub mod launch;
mod limits;
#[cfg(unix)]
mod plugin;
#[cfg(unix)]
mod proxy;
pub mod sandbox;
pub mod settings;
#[cfg(unix)]
mod shared;
#[cfg(unix)]
mod supervisor;
pub mod transport;

#[cfg(unix)]
pub use backend::{NativeBackend, SetupError};
#[cfg(unix)]
pub use plugin::NativePlugin;
pub use settings::Settings;
