//! A database on SQLite, read without changing it: while its server runs, or after a
//! crash that left a journal behind.

use std::{fs, io, path::Path, time::Duration};

use sqlx::{ConnectOptions as _, Sqlite, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    GotifyError, dump,
    queries::{Dialect, Queries},
    reader::Reader,
    schema::{Columns, Found},
};

/// The time to wait for Gotify's server to finish a change.
const WAIT: Duration = Duration::from_secs(10);
/// The first bytes of every database of SQLite.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The bytes by which the kind of a file is known.
const START: u64 = 512;

/// Opens a database for reading. The folder has the copy that is read in place of a
/// dump, or of a file whose server crashed, and has to live as long as the reader.
pub(super) async fn open(
    path: &Path,
    ignore_unknown: bool,
) -> Result<(Reader<Sqlite>, Option<TempDir>), GotifyError> {
    let mut copy = None;
    let mut opened = path.to_owned();
    if let FileKind::Dump = check_file(path)? {
        let folder = dump::copied(path).await;
        let folder = folder.map_err(|error| GotifyError::Open {
            path: path.to_owned(),
            cause: error.to_string(),
            fix: "name a whole dump, as mysqldump or mariadb-dump writes it",
        })?;
        opened = folder.path().join(dump::COPY);
        copy = Some(folder);
    }
    let mut connection = match connect(&opened, true).await {
        Ok(connection) => connection,
        Err(error) if needs_recovery(&error) => {
            let aside = copied(path).map_err(|error| unreadable(path, &error))?;
            let connection = connect(&aside.path().join("gotify.db"), false)
                .await
                .map_err(|error| damaged(path, &error))?;
            copy = Some(aside);
            connection
        }
        Err(error) => return Err(damaged(path, &error)),
    };
    let found: Vec<Found> = sqlx::query_as(
        "SELECT m.name AS table_name, c.name AS column_name, c.type = 'blob' AS is_bytes
         FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'",
    )
    .fetch_all(&mut connection)
    .await?;
    let columns = Columns::check(found, &path.display().to_string(), ignore_unknown)?;
    let reader = Reader {
        connection,
        queries: Queries::new(&columns, Dialect::Sqlite),
    };
    Ok((reader, copy))
}

/// The kind of a file.
enum FileKind {
    Database,
    /// Of a database on MySQL.
    Dump,
}

fn check_file(path: &Path) -> Result<FileKind, GotifyError> {
    let wrong = |cause: String, fix| GotifyError::Open {
        path: path.to_owned(),
        cause,
        fix,
    };
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if metadata.is_dir() {
        return Err(wrong(
            "it is a folder".to_owned(),
            "name the file in it, such as gotify.db",
        ));
    }
    if !metadata.is_file() {
        return Err(wrong("it is no file".to_owned(), "name Gotify's database"));
    }
    let mut start = Vec::new();
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    io::Read::read_to_end(&mut io::Read::take(file, START), &mut start)
        .map_err(|error| unreadable(path, &error))?;
    if start.starts_with(MAGIC) {
        return Ok(FileKind::Database);
    }
    if dump::is_one(&start) {
        return Ok(FileKind::Dump);
    }
    Err(wrong(
        "it is neither a database of SQLite nor a dump of MySQL".to_owned(),
        "name Gotify's database: `data/gotify.db` by default, `postgres://USER@HOST/DATABASE`, or the \
         file that mysqldump wrote",
    ))
}

fn unreadable(path: &Path, error: &io::Error) -> GotifyError {
    GotifyError::Open {
        path: path.to_owned(),
        cause: error.to_string(),
        fix: "check the path, and that you may read the file",
    }
}

fn damaged(path: &Path, error: &sqlx::Error) -> GotifyError {
    GotifyError::Open {
        path: path.to_owned(),
        cause: error.to_string(),
        fix: "check that you may read it, and that `PRAGMA integrity_check` in sqlite3 is ok",
    }
}

async fn connect(path: &Path, read_only: bool) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .busy_timeout(WAIT)
        .disable_statement_logging()
        .connect()
        .await?;
    // What keeps it from being read shows with the first query.
    sqlx::query("SELECT count(*) FROM sqlite_master")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// Whether a database can be read only after SQLite brought it up to date, which
/// takes writing.
fn needs_recovery(error: &sqlx::Error) -> bool {
    /// SQLite's codes: read-only, and cannot open.
    const CODES: [u32; 2] = [8, 14];
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| CODES.contains(&(code & 0xff)))
}

/// Copies a database that no server uses, with its journals.
fn copied(path: &Path) -> io::Result<TempDir> {
    let aside = TempDir::new()?;
    for journal in ["", "-wal", "-journal"] {
        let mut from = path.as_os_str().to_owned();
        from.push(journal);
        match fs::copy(&from, aside.path().join(format!("gotify.db{journal}"))) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !journal.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(aside)
}
