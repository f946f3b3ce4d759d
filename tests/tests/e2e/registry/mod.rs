//! Plugins from registries, with the real server and the real command line.
//!
//! - `fake`: a registry that does what a test wants.
//! - `authority`: registries with certificates of a private authority.
//! - `bad`: registries that lie, break off, redirect or have something else.
//! - `changed`: versions that are not what was announced or shown.
//! - `lives`: plugins in three languages, published in Debian's registry, then
//!   installed, granted, updated and rolled back.
//! - `publish`: releases, built and published by one command.

mod authority;
mod bad;
mod changed;
mod fake;
mod lives;
mod publish;
