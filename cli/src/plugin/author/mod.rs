//! What `mortise plugin` does for plugins' authors: `new`, `build` and `dev`,
//! around the crate `mortise-author`.

mod build;
mod dev;
mod new;
mod progress;

pub(super) use self::{build::Build, dev::Dev, new::New};
