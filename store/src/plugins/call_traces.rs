//! The table `call_traces`: kept within a bound of number and age.

use crate::{DROPPED_KEPT_MS, Page, Store, StoreError};

/// The time for which a trace of a call is kept, in milliseconds: that of a dropped message.
const KEPT_MS: i64 = DROPPED_KEPT_MS;

/// The trace of a call to be kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct NewCallTrace {
    /// The start of the call, in milliseconds since the epoch.
    pub started_ms: i64,
    /// True if the call failed.
    pub failed: bool,
    /// The trace as JSON. `subject.messages` are the ids of the messages that the plugin
    /// was given, and `sent` those of the messages that it sent.
    pub trace: String,
}

/// The trace of a call.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct CallTraceRow {
    /// Unique on the server. Later traces have larger ids.
    pub id: i64,
    /// The user's plugin.
    pub instance_id: i64,
    /// The manifest's id.
    pub plugin: String,
    /// See [`NewCallTrace::trace`].
    pub trace: String,
}

macro_rules! traces {
    () => {
        "SELECT c.id, c.instance_id, i.plugin, c.trace
         FROM call_traces c JOIN plugin_instances i ON i.id = c.instance_id "
    };
}

impl Store {
    /// Adds traces of an instance's calls, oldest first, and removes all but the newest
    /// `kept` ones. Adds nothing if there is no such instance.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn add_call_traces(
        &self,
        instance: i64,
        traces: &[NewCallTrace],
        kept: u32,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        sqlx::query(
            "INSERT INTO call_traces (instance_id, started_ms, failed, trace)
             SELECT ?1, value ->> 'started_ms', value ->> 'failed', value ->> 'trace'
             FROM json_each(?2) WHERE EXISTS (SELECT 1 FROM plugin_instances WHERE id = ?1)
             ORDER BY key",
        )
        .bind(instance)
        .bind(super::json(traces))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM call_traces WHERE instance_id = ?1 AND id <=
             (SELECT id FROM call_traces WHERE instance_id = ?1
              ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(instance)
        .bind(kept)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the traces of an instance's calls, newest first. With `failed`, only those of
    /// calls that failed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn call_traces(
        &self,
        instance: i64,
        failed: bool,
        page: Page,
    ) -> Result<Vec<CallTraceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            traces!(),
            "WHERE c.instance_id = ?1 AND c.id < ?2 AND c.started_ms > ?3
             AND (NOT ?4 OR c.failed) ORDER BY c.id DESC LIMIT ?5"
        ))
        .bind(instance)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(self.now_ms() - KEPT_MS)
        .bind(failed)
        .bind(page.limit)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Returns the traces of the calls in which a message of a user was delivered to
    /// plugins, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn deliveries_of(
        &self,
        user_id: i64,
        message: i64,
    ) -> Result<Vec<CallTraceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            traces!(),
            "WHERE i.user_id = ?1 AND EXISTS (SELECT 1 FROM json_each(c.trace, '$.subject.messages')
                                              WHERE value = ?2)
             ORDER BY c.id"
        ))
        .bind(user_id)
        .bind(message)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Returns the traces of the calls in which a plugin sent a message of a user, oldest
    /// first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn calls_that_sent(
        &self,
        user_id: i64,
        message: i64,
    ) -> Result<Vec<CallTraceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            traces!(),
            "WHERE i.user_id = ?1 AND EXISTS (SELECT 1 FROM json_each(c.trace, '$.sent')
                                              WHERE value = ?2)
             ORDER BY c.id"
        ))
        .bind(user_id)
        .bind(message)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Removes traces of calls whose time is over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_old_call_traces(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM call_traces WHERE started_ms <= ?")
            .bind(self.now_ms() - KEPT_MS)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
