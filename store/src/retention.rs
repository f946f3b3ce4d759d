//! Messages that are not kept for ever.

use std::sync::atomic::Ordering;

use sqlx::QueryBuilder;

use super::{ApplicationRow, Store, StoreError, last_row};

/// Bytes of messages whose traces are removed at a time: their rows are written anew.
const REWRITTEN_BYTES: i64 = 8 << 20;

impl Store {
    /// Sets the time, in milliseconds, and the number for which messages of a user's
    /// application are kept; none for no bound. None if the user has no such application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_application_retention(
        &self,
        user_id: i64,
        id: i64,
        keep_for_ms: Option<i64>,
        keep: Option<u32>,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let change = sqlx::query_as(
            "UPDATE applications SET keep_messages_for_ms = ?, keep_messages = ?
             WHERE id = ? AND user_id = ? RETURNING *",
        )
        .bind(keep_for_ms)
        .bind(keep)
        .bind(id)
        .bind(user_id);
        Ok(last_row(change, &self.writer).await?)
    }

    /// The applications that have a bound of their own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn applications_with_retention(&self) -> Result<Vec<ApplicationRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM applications
             WHERE keep_messages_for_ms IS NOT NULL OR keep_messages IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes at most `most` messages that were stored before a time, of one application
    /// or of all, oldest first, and returns how many.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_messages_before(
        &self,
        application: Option<i64>,
        before_ms: i64,
        most: u32,
    ) -> Result<u64, StoreError> {
        // Searched for beside the connection that writes.
        let old: Vec<i64> = match application {
            None => {
                sqlx::query_scalar(
                    "SELECT id FROM messages WHERE created_ms < ? ORDER BY id LIMIT ?",
                )
                .bind(before_ms)
                .bind(most)
                .fetch_all(&self.readers)
                .await?
            }
            Some(application) => {
                sqlx::query_scalar(
                    "SELECT id FROM messages WHERE application_id = ? AND created_ms < ?
                     ORDER BY id LIMIT ?",
                )
                .bind(application)
                .bind(before_ms)
                .bind(most)
                .fetch_all(&self.readers)
                .await?
            }
        };
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

    /// Removes the traces of messages that were stored before a time; the messages stay. A
    /// trace that contains one of the texts `marks` is replaced by `marked`. Each call looks at no more
    /// than `most` messages, in the order of their ids, and goes on where the last one ended:
    /// no index helps to find old ones, as it would slow the storing of each message.
    /// Returns true if there may be more.
    ///
    /// A trace that a later change of an old message stores is removed after the next start. A
    /// message whose time is ahead holds up those after it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn remove_traces_before(
        &self,
        before_ms: i64,
        most: u32,
        marks: [&str; 2],
        marked: &str,
    ) -> Result<bool, StoreError> {
        let mut last = self.untraced.load(Ordering::Relaxed);
        // Searched for beside the connection that writes.
        let next: Vec<(i64, bool, bool, i64)> = sqlx::query_as(
            "SELECT id, created_ms < ?2, trace IS NOT NULL AND trace <> ?3,
             octet_length(title) + octet_length(body) + coalesce(octet_length(extras), 0)
             FROM messages WHERE id > ?1 ORDER BY id LIMIT ?4",
        )
        .bind(last)
        .bind(before_ms)
        .bind(marked)
        .bind(most)
        .fetch_all(&self.readers)
        .await?;
        let mut more = next.len() >= usize::try_from(most).unwrap_or(usize::MAX);
        let mut traced = Vec::new();
        let mut bytes = 0_i64;
        for (id, is_old, has_trace, size) in next {
            if !is_old {
                more = false;
                break;
            }
            if has_trace {
                bytes = bytes.saturating_add(size);
                if bytes > REWRITTEN_BYTES && !traced.is_empty() {
                    more = true;
                    break;
                }
                traced.push(id);
            }
            last = id;
        }
        if !traced.is_empty() {
            sqlx::query(
                "UPDATE messages
                 SET trace = CASE WHEN instr(trace, ?2) + instr(trace, ?4) > 0 THEN ?3 END
                 WHERE id IN (SELECT value FROM json_each(?1)) AND trace <> ?3",
            )
            .bind(crate::plugins::json(&traced))
            .bind(marks[0])
            .bind(marked)
            .bind(marks[1])
            .execute(&self.writer)
            .await?;
        }
        self.untraced.store(last, Ordering::Relaxed);
        Ok(more)
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
