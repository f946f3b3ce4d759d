//! The setting of commands that work on a server's data directory.

use std::path::{Path, PathBuf};

/// A server's data directory. A command has it flattened.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DataDir {
    /// The server's data directory.
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        default_value = "data"
    )]
    data_dir: PathBuf,
}

impl DataDir {
    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.data_dir
    }
}
