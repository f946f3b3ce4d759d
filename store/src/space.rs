//! Giving the space of deleted rows back to the file system, while the server
//! runs: SQLite keeps free pages in its file, and `VACUUM` would have all writers
//! wait. A file that shrinks in steps has to be made for it.

use std::path::Path;

use sqlx::Row as _;

use super::{Store, StoreError};

/// SQLite's name for files that shrink when they are told to.
const INCREMENTAL: i64 = 2;
/// Free pages that are kept for what comes next, of 4 KiB each.
const KEPT: i64 = 1_024;
/// Pages that are given back in one statement: senders wait for it.
const AT_A_TIME: i64 = 256;

impl Store {
    /// Makes the file one that can shrink in steps. A file of an earlier version is
    /// written anew once.
    pub(super) async fn make_shrinkable(&self, path: &Path) -> Result<(), StoreError> {
        let mut writer = self.write().await?;
        let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum")
            .fetch_one(&mut *writer)
            .await?;
        if mode == INCREMENTAL {
            return Ok(());
        }
        tracing::info!(
            path = %path.display(),
            "writing the database anew, so that it can shrink while the server runs"
        );
        sqlx::query("PRAGMA auto_vacuum = INCREMENTAL")
            .execute(&mut *writer)
            .await?;
        sqlx::query("VACUUM").execute(&mut *writer).await?;
        Ok(())
    }

    /// Gives back one step's free pages, except a reserve. Returns true if more is
    /// left.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn shrink(&self) -> Result<bool, StoreError> {
        let mut writer = self.write().await?;
        let row = sqlx::query("PRAGMA freelist_count")
            .fetch_one(&mut *writer)
            .await?;
        let over = row.get::<i64, _>(0).saturating_sub(KEPT);
        if over <= 0 {
            return Ok(false);
        }
        let step = over.min(AT_A_TIME);
        sqlx::query(sqlx::AssertSqlSafe(format!(
            "PRAGMA incremental_vacuum({step})"
        )))
        .execute(&mut *writer)
        .await?;
        Ok(over > step)
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Store};

    async fn pages(store: &Store, of: &'static str) -> i64 {
        sqlx::query_scalar(of)
            .fetch_one(&store.writer)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_file_of_an_earlier_version_shrinks_after_deletions() {
        let folder = tempfile::tempdir().unwrap();
        // As earlier versions made it.
        let path = folder.path().join("mortise.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
        sqlx::query("CREATE TABLE ballast (data BLOB)")
            .execute(&old)
            .await
            .unwrap();
        for _ in 0..24 {
            sqlx::query("INSERT INTO ballast VALUES (zeroblob(1000000))")
                .execute(&old)
                .await
                .unwrap();
        }
        old.close().await;

        let store = Store::open(folder.path()).await.unwrap();
        let before = pages(&store, "PRAGMA page_count").await;
        assert!(!store.shrink().await.unwrap(), "nothing is free");
        sqlx::query("DELETE FROM ballast")
            .execute(&store.writer)
            .await
            .unwrap();
        let free = pages(&store, "PRAGMA freelist_count").await;
        assert!(free > 2 * KEPT, "{free} of {before}");
        let mut steps = 1;
        while store.shrink().await.unwrap() {
            steps += 1;
        }
        assert!(steps > 1);
        assert_eq!(pages(&store, "PRAGMA freelist_count").await, KEPT);
        // The map of pages shrinks as well.
        let left = pages(&store, "PRAGMA page_count").await;
        assert!(left <= before - free + KEPT, "{left} of {before}");
        store.close().await;
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(
            pages(&store, "PRAGMA auto_vacuum").await,
            super::INCREMENTAL
        );
    }
}
