//! The database of a Gotify server, version 2 or 3, on SQLite. It is opened for
//! reading alone, and may be in use. Columns that version 2 lacks are absent.

mod open;
mod rows;
mod schema;

use std::path::PathBuf;

pub use self::{
    open::Gotify,
    rows::{
        GotifyApplication, GotifyClient, GotifyEntities, GotifyMessage, GotifyPlugin, GotifyUser,
    },
};

/// The reason for which a database of Gotify cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GotifyError {
    /// It cannot be opened, or is no database.
    #[error("cannot open {} as a database of Gotify: {cause}; {fix}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
        /// The next step.
        fix: &'static str,
    },
    /// It is a database of another program.
    #[error("{} is no database of Gotify: it lacks {lacks}; Gotify's is `data/gotify.db`, unless `GOTIFY_DATABASE_CONNECTION` names another", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The missing table or column.
        lacks: String,
    },
    /// It is a database of this program.
    #[error("{} is a database of Mortise, not of Gotify; to move it, stop its server and copy the data directory", .0.display())]
    Mortise(PathBuf),
    /// It has columns that this version does not know.
    #[error("{} is of a newer Gotify than this version of Mortise knows: it has the unknown {unknown}; update Mortise, or leave those out with --ignore-unknown", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The unknown columns.
        unknown: String,
    },
    /// A query failed.
    #[error("the database of Gotify failed: {0}")]
    Query(#[from] sqlx::Error),
}
