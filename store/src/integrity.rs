//! The check of a database that a server may use.

use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{Store, StoreError, WAIT};

/// Faults that are listed.
const MOST: usize = 100;
/// SQLite's codes for a damaged file, and for one that is no database.
const DAMAGED: [i32; 2] = [11, 26];

impl Store {
    /// Checks a database, which a server may use, and changes nothing. Returns its
    /// faults, at most a hundred: damaged pages and indices, and rows that refer to rows
    /// that are not there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] and [`StoreError::Query`].
    pub async fn faults(path: &Path) -> Result<Vec<String>, StoreError> {
        let opened = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(WAIT)
            .connect()
            .await;
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                let fault = fault(&error);
                return fault
                    .map(|fault| vec![fault])
                    .ok_or_else(|| StoreError::Open {
                        path: path.to_owned(),
                        source: error,
                    });
            }
        };
        let mut faults = Vec::new();
        if let Err(error) = find(&mut connection, &mut faults).await {
            // A check of a file that is damaged too much fails itself.
            faults.push(fault(&error).ok_or(error)?);
        }
        // Nothing was written, so an error of the end says nothing of the database.
        let _ = connection.close().await;
        faults.truncate(MOST);
        Ok(faults)
    }
}

async fn find(
    connection: &mut SqliteConnection,
    faults: &mut Vec<String>,
) -> Result<(), sqlx::Error> {
    // Both look at the same moment.
    let mut snapshot = connection.begin().await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut *snapshot)
        .await?;
    faults.extend(found.into_iter().filter(|fault| fault != "ok"));
    let found: Vec<(String, Option<i64>, String, i64)> = sqlx::query_as("PRAGMA foreign_key_check")
        .fetch_all(&mut *snapshot)
        .await?;
    for (table, row, parent, _) in found.into_iter().take(MOST) {
        // A table without row numbers names none.
        let row = row.map_or_else(String::new, |row| format!(" {row}"));
        faults.push(format!(
            "row{row} of {table} refers to a row of {parent} that is not there"
        ));
    }
    snapshot.rollback().await
}

/// Returns the fault of the file that an error names; none if the error has another
/// cause.
fn fault(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    let code: i32 = error.code()?.parse().ok()?;
    // The lowest byte is the kind.
    DAMAGED
        .contains(&(code & 0xff))
        .then(|| error.message().to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

    use crate::Store;

    /// Changes the database behind the store's back.
    async fn change(path: &Path, statement: &'static str) {
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(false)
            .connect()
            .await
            .unwrap();
        sqlx::raw_sql(statement)
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn faults_are_found_while_the_database_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mortise.db");
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(Store::faults(&path).await.unwrap(), [""; 0]);
        change(
            &path,
            "CREATE TABLE one (id INTEGER PRIMARY KEY);
             CREATE TABLE two (id INTEGER PRIMARY KEY, one INTEGER REFERENCES one (id));
             INSERT INTO two VALUES (7, 1);",
        )
        .await;
        assert_eq!(
            Store::faults(&path).await.unwrap(),
            ["row 7 of two refers to a row of one that is not there"]
        );
        store.close().await;
        let mut bytes = fs::read(&path).unwrap();
        // The pages after the first, which has the tables' names.
        for byte in bytes.iter_mut().skip(4096).take(64 << 10) {
            *byte = 0xff;
        }
        fs::write(&path, bytes).unwrap();
        let faults = Store::faults(&path).await.unwrap();
        assert!((1..=100).contains(&faults.len()), "{faults:?}");
        fs::write(
            &path,
            "no database, but longer than the head of one".repeat(100),
        )
        .unwrap();
        let faults = Store::faults(&path).await.unwrap();
        assert_eq!(faults, ["file is not a database"]);
        assert!(Store::faults(&folder.path().join("none")).await.is_err());
    }
}
