//! The build of plugins, one file for each language.

pub mod c;
pub mod go;
pub mod javascript;
pub mod python;
pub mod rust;
mod sockets;
pub mod table;

use std::path::PathBuf;

use crate::{Error, job::Job};

/// The build of plugins in one language.
pub trait Recipe: Sync {
    /// Builds the component and returns its file, which [`Job::collect`] made.
    ///
    /// # Errors
    ///
    /// A tool is missing, or it does not build.
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error>;

    /// The same for an executable of this machine.
    ///
    /// # Errors
    ///
    /// As [`Self::component`]; [`Error::NoNative`] where there is none.
    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        Err(Error::NoNative(job.project().language))
    }

    /// The commands that build the component without `mortise`, a line each.
    fn by_hand(&self, name: &str) -> Vec<String>;
}
