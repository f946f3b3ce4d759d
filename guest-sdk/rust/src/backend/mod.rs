//! The boundary between this crate and the hosts. Each backend provides
//!
//! - `Handle`: `Clone + Send + Sync + Debug`, with a method for each import of
//!   the contract, and `http` for one request and its response;
//! - `exports` and the macro `__export!`, through which the host calls the
//!   plugin's type;
//! - `log_here`, with the feature `tracing`: writes to the log of the instance that is
//!   called in this thread.
//!
//! All other code is the same for every backend.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasm;

#[cfg(all(test, feature = "tracing", not(target_family = "wasm")))]
pub(crate) use native::enter;
#[cfg(not(target_family = "wasm"))]
pub use native::exports;
#[cfg(all(feature = "tracing", not(target_family = "wasm")))]
pub(crate) use native::log_here;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Handle, Host};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::Handle;
#[cfg(target_family = "wasm")]
pub use wasm::exports;
#[cfg(all(feature = "tracing", target_family = "wasm"))]
pub(crate) use wasm::log_here;
