//! The reason for which a database cannot be read.

use std::path::PathBuf;

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
    /// The server of the database does not answer, or denies the access.
    #[error("cannot connect to {place}: {cause}; {fix}")]
    Connect {
        /// The database.
        place: String,
        /// The cause.
        cause: String,
        /// The next step.
        fix: &'static str,
    },
    /// It is a database of another program.
    #[error(
        "{place} is no database of Gotify: it lacks {lacks}; Gotify's is `data/gotify.db`, unless \
         `GOTIFY_DATABASE_CONNECTION` names another"
    )]
    Foreign {
        /// The database.
        place: String,
        /// The missing table or column.
        lacks: String,
    },
    /// It is a database of this program.
    #[error(
        "{0} is a database of Mortise, not of Gotify; to move it, stop its server and copy the data \
         directory"
    )]
    Mortise(String),
    /// It has columns that this version does not know.
    #[error(
        "{place} is of a newer Gotify than this version of Mortise knows: it has the unknown \
         {unknown}; update Mortise, or leave those out with --ignore-unknown"
    )]
    Newer {
        /// The database.
        place: String,
        /// The unknown columns.
        unknown: String,
    },
    /// A query failed.
    #[error("the database of Gotify failed: {0}")]
    Query(#[from] sqlx::Error),
}
