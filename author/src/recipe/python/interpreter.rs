//! The interpreter on the author's machine.

use std::path::PathBuf;

use crate::{Error, job::Job};

/// Finds Python.
pub(super) fn find(job: &Job<'_>) -> Result<PathBuf, Error> {
    job.tool(
        "python3",
        "packs and runs native plugins, and installs packages",
        &["install Python 3.11 or newer from https://www.python.org or your distribution"],
    )
}
