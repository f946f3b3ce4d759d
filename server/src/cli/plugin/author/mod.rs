//! What `mortise plugin` does for plugins' authors: `new` and `build`, around
//! the crate `mortise-author`.

mod build;
mod new;
mod progress;

pub(super) use self::{build::Build, new::New};
