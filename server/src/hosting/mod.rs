//! The server as the embedder of its plugins.
//!
//! - `catalogue`: the database as their catalogue.
//! - `users`: its users, and their messages.
//! - `chain`: their filters and listeners in the pipeline.
//! - `backends`: their settings, and those of the backends, which the program brings.
//! - [`arriving`]: a plugin's file on its way in.

pub mod arriving;
mod backends;
mod catalogue;
mod chain;
mod users;

pub use self::backends::{Backends, default_folder, grants_file};
pub(crate) use self::{
    backends::{of_server, settings},
    catalogue::StoreCatalogue,
    users::ServerUsers,
};
