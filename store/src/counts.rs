//! Numbers for metrics.

use super::{Store, StoreError};

/// Numbers of the whole database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Counts {
    /// Users.
    pub users: i64,
    /// Applications.
    pub applications: i64,
    /// Clients.
    pub clients: i64,
    /// The number of the newest message that is or was there.
    pub last_message: i64,
    /// The size of the database in bytes.
    pub bytes: i64,
}

impl Store {
    /// Numbers that cost no scan of messages.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(sqlx::query_as(
            "SELECT (SELECT count(*) FROM users) AS users,
             (SELECT count(*) FROM applications) AS applications,
             (SELECT count(*) FROM clients) AS clients,
             coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) AS last_message,
             (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) AS bytes",
        )
        .fetch_one(&self.readers)
        .await?)
    }

    /// The number of dead letters of a plugin, of all users.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_dead_letters(&self, plugin: &str) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM dead_letters s
             JOIN plugin_instances i ON i.id = s.instance_id WHERE i.plugin = ?",
        )
        .bind(plugin)
        .fetch_one(&self.readers)
        .await?;
        Ok(count.unsigned_abs())
    }

    /// The number of messages that wait for a user's listener, those that it may not
    /// read included. It stops counting at 10,000.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_queue(&self, instance: i64) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT 1 FROM plugin_instances i
             JOIN messages m ON m.user_id = i.user_id AND m.id > i.cursor
             WHERE i.id = ? LIMIT ?)",
        )
        .bind(instance)
        .bind(LONGEST_QUEUE)
        .fetch_one(&self.readers)
        .await?;
        Ok(count.unsigned_abs())
    }
}

/// The longest queue that is counted.
const LONGEST_QUEUE: i64 = 10_000;
