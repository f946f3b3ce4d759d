//! Messages that are not kept for ever.

use sqlx::QueryBuilder;

use super::{Store, StoreError};

impl Store {
    /// Deletes at most `most` messages that were stored before a time, oldest
    /// first, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_messages_before(
        &self,
        before_ms: i64,
        most: u32,
    ) -> Result<u64, StoreError> {
        // Searched for beside the connection that writes.
        let old: Vec<i64> =
            sqlx::query_scalar("SELECT id FROM messages WHERE created_ms < ? ORDER BY id LIMIT ?")
                .bind(before_ms)
                .bind(most)
                .fetch_all(&self.readers)
                .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut query = QueryBuilder::new("DELETE FROM messages WHERE id IN (");
        let mut ids = query.separated(", ");
        for id in old {
            ids.push_bind(id);
        }
        query.push(")");
        let deleted = query.build().execute(&self.writer).await?;
        Ok(deleted.rows_affected())
    }

    /// Deletes at most `most` messages whose time is over, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_expired_messages(&self, most: u32) -> Result<u64, StoreError> {
        let now = self.now_ms();
        // Most often there is none, and the connection that writes is spared.
        let any: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM messages WHERE expires_ms <= ?)")
                .bind(now)
                .fetch_one(&self.readers)
                .await?;
        if !any {
            return Ok(0);
        }
        let deleted = sqlx::query(
            "DELETE FROM messages WHERE id IN (
                 SELECT id FROM messages WHERE expires_ms <= ? LIMIT ?)",
        )
        .bind(now)
        .bind(most)
        .execute(&self.writer)
        .await?;
        Ok(deleted.rows_affected())
    }

    /// The applications that have more than `most` messages.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn applications_with_more_than(&self, most: u32) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT application_id FROM messages GROUP BY application_id HAVING count(*) > ?",
        )
        .bind(most)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes at most `at_a_time` messages of an application beyond its newest
    /// `most`, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_messages_beyond(
        &self,
        application: i64,
        most: u32,
        at_a_time: u32,
    ) -> Result<u64, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM messages WHERE id IN (
                 SELECT id FROM messages WHERE application_id = ?1 AND id <= (
                     SELECT id FROM messages WHERE application_id = ?1
                     ORDER BY id DESC LIMIT 1 OFFSET ?2)
                 ORDER BY id LIMIT ?3)",
        )
        .bind(application)
        .bind(most)
        .bind(at_a_time)
        .execute(&self.writer)
        .await?;
        Ok(deleted.rows_affected())
    }
}
