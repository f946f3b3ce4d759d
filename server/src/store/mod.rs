//! The database: one SQLite file, `mortise.db` in the data directory. All SQL
//! of the server is in this folder, one module for each table. It makes no
//! decisions about permissions.
//!
//! One connection writes and several read, so a reader never waits for a
//! writer. The journal is a write-ahead log with `synchronous = FULL`: a commit
//! returns after the log is on the disk, so acknowledged data survives a crash
//! of the process or the kernel and a loss of power. Messages that arrive
//! together share the cost (see `pipeline::commit`).

mod applications;
mod audit;
mod clients;
mod counts;
mod dropped;
mod gotify;
mod identities;
mod import;
mod messages;
mod plugins;
mod retention;
mod sort_key;
mod space;
mod upstream;
mod users;

use std::{fs, io, path::Path, path::PathBuf, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, Sqlite, SqlitePool,
    pool::PoolConnection,
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use crate::time::Clock;
pub use applications::{ApplicationChange, ApplicationRow, NewApplication};
pub use audit::AuditRow;
pub use clients::ClientRow;
pub use counts::Counts;
pub use dropped::{DROPPED_KEPT_MS, DroppedRow};
pub use gotify::*;
pub use import::*;
pub use messages::{Listing, MessageRow, NewMessage, Page};
pub use plugins::*;
pub use sort_key::SORT_KEY_BYTES;
pub use upstream::{UpstreamApplication, passed_by};
pub use users::UserRow;

/// Connections that read. All are opened at the start and kept: a server under
/// load holds no more threads and descriptors than one at rest.
const READERS: u32 = 4;
/// The time that one call waits for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// The open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    clock: Clock,
}

/// The reason for which a database operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}: {source}; choose another with --data-dir", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file does not open as a database.
    #[error("cannot open the database {}: {source}; check that the server's user may read and write it and its folder", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: sqlx::Error,
    },
    /// The file was written by a newer version, or is damaged.
    #[error("cannot bring the database {} up to date: {source}; a database of a newer version needs that version or newer", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: sqlx::migrate::MigrateError,
    },
    /// The file is not whole.
    #[error("the database {} is damaged: {found}; restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first fault.
        found: String,
    },
    /// A value that must be unique is there already.
    #[error("{0} is there already")]
    Conflict(&'static str),
    /// A query failed.
    #[error("the database failed: {0}")]
    Query(#[from] sqlx::Error),
}

impl StoreError {
    /// [`StoreError::Conflict`] over `what` if a query failed because a value
    /// must be unique.
    fn conflict(what: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                Self::Conflict(what)
            }
            _ => Self::Query(error),
        }
    }
}

impl Store {
    /// Makes a data directory that only its owner may enter, and its parents,
    /// if it is not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Directory`].
    pub fn make_directory(data_dir: &Path) -> Result<(), StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(data_dir)
            .map_err(|source| StoreError::Directory {
                path: data_dir.to_owned(),
                source,
            })
    }

    /// Opens the database in a data directory, makes it if there is none, and
    /// brings its tables up to date.
    ///
    /// # Errors
    ///
    /// [`StoreError::Directory`], [`StoreError::Open`], [`StoreError::Migrate`].
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        Self::make_directory(data_dir)?;
        let path = data_dir.join("mortise.db");
        let open = |source| StoreError::Open {
            path: path.clone(),
            source,
        };
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.clone().auto_vacuum(SqliteAutoVacuum::Incremental))
            .await
            .map_err(open)?;
        sqlx::migrate!()
            .run(&writer)
            .await
            .map_err(|source| StoreError::Migrate {
                path: path.clone(),
                source,
            })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .min_connections(READERS)
            .acquire_timeout(WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).read_only(true))
            .await
            .map_err(open)?;
        let store = Self {
            writer,
            readers,
            clock: Clock::default(),
        };
        store.make_shrinkable(&path).await?;
        Ok(store)
    }

    /// Has it take the times that it writes and compares from a clock.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns the time now by its clock, in milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Copies a database, which a server may use, to a file that is not there yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] and [`StoreError::Query`].
    pub async fn copy_database(from: &Path, to: &Path) -> Result<(), StoreError> {
        let mut connection = SqliteConnectOptions::new()
            .filename(from)
            .read_only(true)
            .busy_timeout(WAIT)
            .connect()
            .await
            .map_err(|source| StoreError::Open {
                path: from.to_owned(),
                source,
            })?;
        sqlx::query("VACUUM INTO ?")
            .bind(to.to_string_lossy())
            .execute(&mut connection)
            .await?;
        Ok(connection.close().await?)
    }

    /// Checks that an unused database is whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`], [`StoreError::Query`], and [`StoreError::Damaged`].
    pub async fn check_database(path: &Path) -> Result<(), StoreError> {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .connect()
            .await
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        if found == "ok" {
            Ok(())
        } else {
            Err(StoreError::Damaged {
                path: path.to_owned(),
                found,
            })
        }
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// Ends all connections. All commits are in the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The connection that writes, for a transaction of several statements.
    async fn write(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.writer.acquire().await?)
    }
}
