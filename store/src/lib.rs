//! The database: one SQLite file, `mortise.db` in the data directory. All SQL
//! of the server is in this crate, one module for each table. It makes no
//! decisions about permissions. It knows neither the plugins' contract nor the
//! server's settings: what they have of their own is text here.
//!
//! One connection writes and several read, so a reader never waits for a
//! writer. The journal is a write-ahead log with `synchronous = FULL`: a commit
//! returns after the log is on the disk, so acknowledged data survives a crash
//! of the process or the kernel and a loss of power. Messages that arrive
//! together share the cost: [`Store::create_messages`] takes many.
//!
//! [`gotify`] reads the database of a Gotify server.

mod applications;
mod audit;
mod clients;
mod clock;
mod counts;
mod dropped;
pub mod gotify;
mod identities;
mod import;
mod integrity;
mod messages;
mod plugins;
mod retention;
mod senders;
mod sort_key;
mod space;
mod token_hash;
mod traced;
mod traced_versions;
mod upstream;
mod users;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, FromRow, Sqlite, SqliteExecutor, SqlitePool,
    migrate::MigrateError,
    pool::PoolConnection,
    query::QueryAs,
    sqlite::{
        SqliteArguments, SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode,
        SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};

use self::{clock::Clock, senders::Senders};
pub use applications::{ApplicationChange, ApplicationRow, NewApplication};
pub use audit::{AuditRow, NewAudit};
pub use clients::ClientRow;
pub use counts::Counts;
pub use dropped::{DROPPED_KEPT_MS, DroppedRow};
pub use import::{
    ImportRow, ImportedApplication, ImportedClient, ImportedKind, ImportedPlugin, Importing,
};
pub use messages::{Listing, MessageRow, NewMessage, Page, TOGETHER};
pub use plugins::{
    AnswerRow, CallTraceRow, DeadLetterRow, DepartedRow, FilterPlace, InstalledRow, InstanceRow,
    NewCallTrace, NewInstance, PluginApplication, Readable, SourcedMessage, StorageFull, TimerRow,
    TooManyTimers, UsageRow,
};
pub use sort_key::SORT_KEY_BYTES;
pub use token_hash::TokenHash;
pub use traced::{TracedKey, TracedRow};
pub use traced_versions::TracedVersion;
pub use upstream::UpstreamApplication;
pub use users::UserRow;

/// Connections that read. All are opened at the start and kept: a server under
/// load holds no more threads and descriptors than one at rest.
const READERS: u32 = 4;
/// The time that one call waits for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// The open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    /// A statement that changes something outside of a transaction is executed to its end
    /// (see [`last_row`]).
    writer: SqlitePool,
    readers: SqlitePool,
    clock: Clock,
    senders: Senders,
    versions: traced_versions::Known,
    /// See [`Store::remove_traces_before`].
    untraced: Arc<AtomicI64>,
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
    /// A newer version wrote the file.
    #[error(
        "the database {} is of a newer version of Mortise: it has the change {change}, and this \
         version knows the changes up to {newest}; install the newer version again, or restore \
         the backup from before the upgrade to another data directory",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of the change that is not known.
        change: i64,
        /// The newest change that this version knows.
        newest: i64,
    },
    /// The tables cannot be changed to this version's.
    #[error("cannot bring the database {} up to date: {source}; restore a backup", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: MigrateError,
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
    #[error("{0} exists already")]
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
    /// [`StoreError::Directory`], [`StoreError::Open`], [`StoreError::Newer`],
    /// [`StoreError::Migrate`].
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
            // Pages of the journal after which they are written into the database, which
            // waits twice for the disk: under load, SQLite's 1,000 are full several times
            // in a second.
            .pragma("wal_autocheckpoint", "4000")
            .busy_timeout(WAIT);
        let senders = Senders::default();
        let (follower, settler) = (senders.clone(), senders.clone());
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .acquire_timeout(WAIT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // SQLite itself ends a transaction that meets a full disk or an error of
            // input or output. sqlx then counts one that is still open, and all later
            // ones would be parts of it, which no commit ends: they were lost. A new
            // connection counts from none.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .after_connect(move |connection, _| {
                let senders = follower.clone();
                Box::pin(async move { senders.follow(connection).await })
            })
            .after_release(move |connection, _| {
                let senders = settler.clone();
                Box::pin(async move { senders.settle(connection).await.map(|()| true) })
            })
            .connect_with(options.clone().auto_vacuum(SqliteAutoVacuum::Incremental))
            .await
            .map_err(open)?;
        let changes = sqlx::migrate!();
        changes.run(&writer).await.map_err(|source| match source {
            MigrateError::VersionMissing(change) => StoreError::Newer {
                path: path.clone(),
                change,
                newest: changes.iter().map(|one| one.version).max().unwrap_or(0),
            },
            source => StoreError::Migrate {
                path: path.clone(),
                source,
            },
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
            senders,
            versions: traced_versions::Known::default(),
            untraced: Arc::default(),
        };
        store.make_shrinkable(&path).await?;
        Ok(store)
    }

    /// Has it take the times that it writes and compares from this function, in
    /// milliseconds since the epoch.
    pub fn with_clock(self, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            clock: Clock::new(now_ms),
            ..self
        }
    }

    /// Returns the time now by its clock, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
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

/// Executes a statement that changes at most one row and returns it, to its end:
/// outside of a transaction, only then is it known that the change is committed.
/// `fetch_one` and `fetch_optional` end with the row, whether or not the disk is
/// full.
async fn last_row<T>(
    statement: QueryAs<'_, Sqlite, T, SqliteArguments>,
    writer: impl SqliteExecutor<'_>,
) -> Result<Option<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    Ok(statement.fetch_all(writer).await?.pop())
}

/// As [`last_row`], for an insertion, which always returns its row.
async fn inserted_row<T>(
    insertion: QueryAs<'_, Sqlite, T, SqliteArguments>,
    writer: impl SqliteExecutor<'_>,
) -> Result<T, sqlx::Error>
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
{
    let inserted = last_row(insertion, writer).await?;
    inserted.ok_or(sqlx::Error::RowNotFound)
}

#[cfg(test)]
mod tests {
    use sqlx::{Row as _, migrate::Migrator};

    use super::{
        ApplicationChange, NewApplication, SqliteConnectOptions, SqlitePool, Store, StoreError,
        TokenHash,
    };

    async fn database(folder: &tempfile::TempDir) -> SqlitePool {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("mortise.db"))
            .create_if_missing(true);
        SqlitePool::connect_with(options).await.unwrap()
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).await.unwrap().close().await;
        let newer = database(&folder).await;
        let row = "INSERT INTO _sqlx_migrations \
                   SELECT 9999, 'later', installed_on, success, checksum, 1 \
                   FROM _sqlx_migrations LIMIT 1";
        sqlx::query(row).execute(&newer).await.unwrap();
        newer.close().await;

        let error = Store::open(folder.path()).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Newer { change: 9999, .. }),
            "{error}"
        );
        let text = error.to_string();
        for part in ["mortise.db", "newer version", "9999", "up to 50", "backup"] {
            assert!(text.contains(part), "{text}");
        }
    }

    /// Without them all works, but each message waits longer for the disk.
    #[tokio::test]
    async fn sqlite_has_the_flags_of_this_workspace() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let options: Vec<String> = sqlx::query_scalar("PRAGMA compile_options")
            .fetch_all(&store.readers)
            .await
            .unwrap();
        let has = |name: &str| options.iter().any(|option| option == name);
        assert!(has("DEFAULT_MEMSTATUS=0"), "{options:?}");
        assert!(!has("ENABLE_MEMORY_MANAGEMENT"), "{options:?}");
    }

    #[tokio::test]
    async fn a_database_of_each_older_version_is_brought_up_to_date() {
        let all = sqlx::migrate!();
        let count = all.iter().count();
        for known in 1..count {
            let folder = tempfile::tempdir().unwrap();
            let old = database(&folder).await;
            let changes: Vec<_> = all.iter().take(known).cloned().collect();
            let older = Migrator::with_migrations(changes);
            older.run(&old).await.unwrap();
            old.close().await;
            let store = Store::open(folder.path()).await.unwrap();
            store.ping().await.unwrap();
            store.close().await;
            let new = database(&folder).await;
            let found: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
                .fetch_one(&new)
                .await
                .unwrap();
            assert_eq!(usize::try_from(found).unwrap(), count);
        }
    }

    #[tokio::test]
    async fn nothing_acknowledged_after_a_full_disk_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let note = |text: String| {
            let store = store.clone();
            async move {
                let mut transaction = store.writer.begin().await?;
                sqlx::query("INSERT INTO notes VALUES (?)")
                    .bind(text)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await
            }
        };
        sqlx::query("CREATE TABLE notes (text TEXT)")
            .execute(&store.writer)
            .await
            .unwrap();
        // Several faults, and between them and after them changes that work, some of
        // which are given up.
        for round in 0..3 {
            let pages = sqlx::query("PRAGMA page_count").fetch_one(&store.writer);
            let pages: i64 = pages.await.unwrap().get(0);
            sqlx::query(sqlx::AssertSqlSafe(format!(
                "PRAGMA max_page_count = {pages}"
            )))
            .execute(&store.writer)
            .await
            .unwrap();
            let error = note("x".repeat(1 << 20)).await.unwrap_err();
            assert!(error.to_string().contains("full"), "{error}");
            sqlx::query("PRAGMA max_page_count = 1000000")
                .execute(&store.writer)
                .await
                .unwrap();
            drop(store.writer.begin().await.unwrap());
            note(format!("kept {round}")).await.unwrap();
            let kept = sqlx::query("SELECT COUNT(*) FROM notes").fetch_one(&store.readers);
            assert_eq!(kept.await.unwrap().get::<i64, _>(0), round + 1);
        }
    }

    #[tokio::test]
    async fn a_change_whose_commit_fails_is_not_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let user = store.create_user("ann", "", true).await.unwrap().id;
        let token = TokenHash::of_stored("token");
        let new = NewApplication {
            name: "door",
            ..NewApplication::default()
        };
        let created = store.create_application(user, &token, new.clone());
        let application = created.await.unwrap().id;
        let client = store.create_client(user, &token, "phone", 0, None);
        let client = client.await.unwrap().id;

        // As a full disk does: rows change, and only the commit finds out.
        let mut writer = store.write().await.unwrap();
        let mut handle = writer.lock_handle().await.unwrap();
        handle.set_commit_hook(|| false);
        drop(handle);
        drop(writer);
        let change = ApplicationChange {
            name: "gate",
            ..ApplicationChange::default()
        };
        let other = TokenHash::of_stored("other");
        let failures = [
            store.create_user("bob", "", false).await.err(),
            store.update_user(user, "anna", None, true).await.err(),
            store.create_application(user, &other, new).await.err(),
            store
                .update_application(user, application, change)
                .await
                .err(),
            store
                .set_image(user, application, Some("gate.png"))
                .await
                .err(),
            store
                .create_client(user, &other, "tablet", 0, None)
                .await
                .err(),
            store.update_client(user, client, "old", None).await.err(),
        ];
        for (index, failure) in failures.iter().enumerate() {
            assert!(
                matches!(failure, Some(StoreError::Query(_))),
                "{index}: {failure:?}"
            );
        }
        let found = store.application_by_token(&token).await.unwrap().unwrap();
        assert_eq!(
            (found.name.as_str(), found.image.as_deref()),
            ("door", None)
        );
    }
}
