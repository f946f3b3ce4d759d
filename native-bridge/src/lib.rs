//! Runs native executables as plugins, under the contract of
//! [`mortise_runtime`]: the host cannot tell, but by the backend's name, which
//! kind it holds. Knows nothing of WebAssembly, HTTP routes or databases.
//!
//! - [`protocol`]: what is said, without I/O. `PROTOCOL.md` describes it for
//!   those who write plugins.
//! - [`transport`]: what carries it.
//! - [`connection`]: calls in both directions over it.
//! - [`sandbox`]: what a plugin's process may touch.
//! - [`launch`]: the process between the host and a plugin.
//! - [`supervisor`]: keeps a plugin's process running.
//! - [`NativeBackend`], [`NativePlugin`]: the runtime's traits, over all this.
//! - `imports`, `instance`: what a plugin asks of its host, and one user's
//!   instance.
//!
//! A host calls [`launch::intercept`] first thing in `main`, and adds
//! `Arc::new(NativeBackend::new(Settings::default())?)` to its loaders.

mod backend;
pub mod connection;
mod imports;
mod instance;
pub mod launch;
mod plugin;
pub mod protocol;
pub mod sandbox;
pub mod settings;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod transport;

pub use backend::{NativeBackend, SetupError};
pub use plugin::NativePlugin;
pub use settings::Settings;
