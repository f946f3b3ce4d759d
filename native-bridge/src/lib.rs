//! Runs native executables as plugins, under the contract of
//! [`mortise_runtime`]: the host cannot tell, but by the backend's name, which
//! kind it holds. Knows nothing of WebAssembly, HTTP routes or databases.
//!
//! - [`protocol`]: what is said, without I/O. `PROTOCOL.md` describes it for
//!   those who write plugins.
//! - [`transport`]: what carries it.
//! - [`connection`]: calls in both directions over it.

pub mod connection;
pub mod protocol;
#[cfg(test)]
mod testing;
pub mod transport;
