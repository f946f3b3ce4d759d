//! The boundary between this crate and the hosts. Each backend provides
//!
//! - `Handle`: `Clone + Send + Sync + Debug`, with a method for each import of
//!   the contract, and `http` for one request and its response;
//! - `exports` and the macro `__export!`, through which the host calls the
//!   plugin's type.
//!
//! All other code is the same for every backend.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(not(target_family = "wasm"))]
pub use native::exports;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Handle, Host};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::Handle;
#[cfg(target_family = "wasm")]
pub use wasm::exports;
