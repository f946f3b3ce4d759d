//! The part of mortise-runtime that the protocol uses, from the same source.

// The types derive what wasmtime lifts and lowers; here those derives are empty.
extern crate self as wasmtime;
#[doc(hidden)]
pub mod component {
    pub use mortise_fuzz_derives::{ComponentType, Lift, Lower};
}

#[path = "../../../../runtime/src/contract/bytes.rs"]
pub mod bytes;
#[path = "../../../../runtime/src/contract/capability.rs"]
mod capability;
#[path = "../../../../runtime/src/contract/types.rs"]
pub mod types;

pub use capability::{Capabilities, Capability};

/// As in mortise-runtime.
pub mod contract {
    pub use crate::bytes;
}
