//! What `mortise plugin` does for plugins' authors: `new`, `build`, `dev` and
//! `componentize`, around the crate `mortise-author`.

mod build;
mod componentize;
mod dev;
mod new;
mod progress;

pub(super) use self::{build::Build, componentize::Componentize, dev::Dev, new::New};
