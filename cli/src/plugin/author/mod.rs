//! What `mortise plugin` does for plugins' authors: `new`, `build`, `dev`,
//! `bindings`, `componentize` and `publish`, around the crate `mortise-author`.

mod bindings;
mod build;
mod componentize;
mod dev;
mod new;
mod progress;
mod publish;

pub(super) use self::{
    bindings::Bindings, build::Build, componentize::Componentize, dev::Dev, new::New,
    publish::Publish,
};
