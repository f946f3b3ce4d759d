//! The table `plugin_timers`.

use crate::{Store, StoreError};

/// A timer was not set because there are as many as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTimers;

/// A timer of an instance.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TimerRow {
    /// Its instance.
    pub instance_id: i64,
    /// Unique within the instance.
    pub name: String,
    /// The contract's `schedule` as JSON.
    pub schedule: String,
    /// The time at which it is due, in milliseconds since the epoch.
    pub next_ms: i64,
}

impl Store {
    /// Sets or replaces a timer, unless the instance would then have more than
    /// `most`. A timer that is set to the same schedule again keeps its time: a
    /// plugin sets its timers at each start, and a start must not put them off.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_timer(
        &self,
        timer: &TimerRow,
        most: u32,
    ) -> Result<Result<(), TooManyTimers>, StoreError> {
        let set = sqlx::query(
            "INSERT INTO plugin_timers (instance_id, name, schedule, next_ms)
             SELECT ?1, ?2, ?3, ?4
             WHERE (SELECT count(*) FROM plugin_timers WHERE instance_id = ?1 AND name <> ?2) < ?5
             ON CONFLICT (instance_id, name)
             DO UPDATE SET schedule = excluded.schedule, next_ms = CASE
                 WHEN schedule = excluded.schedule THEN next_ms ELSE excluded.next_ms END",
        )
        .bind(timer.instance_id)
        .bind(&timer.name)
        .bind(&timer.schedule)
        .bind(timer.next_ms)
        .bind(most)
        .execute(&self.writer)
        .await?;
        Ok(match set.rows_affected() {
            0 => Err(TooManyTimers),
            _ => Ok(()),
        })
    }

    /// Cancels a timer; nothing if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn cancel_plugin_timer(&self, instance: i64, name: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM plugin_timers WHERE instance_id = ? AND name = ?")
            .bind(instance)
            .bind(name)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The timers of these instances that are due first, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn first_plugin_timers(
        &self,
        instances: &[i64],
        limit: u32,
    ) -> Result<Vec<TimerRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT instance_id, name, schedule, next_ms FROM plugin_timers
             WHERE instance_id IN (SELECT value FROM json_each(?)) ORDER BY next_ms LIMIT ?",
        )
        .bind(super::json(instances))
        .bind(limit)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Moves a timer on to when it is due next, or removes it if it is not due
    /// again. False if it was set anew or cancelled meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn advance_plugin_timer(
        &self,
        timer: &TimerRow,
        next_ms: Option<i64>,
    ) -> Result<bool, StoreError> {
        let query = match next_ms {
            Some(_) => {
                "UPDATE plugin_timers SET next_ms = ?4
                 WHERE instance_id = ?1 AND name = ?2 AND next_ms = ?3"
            }
            None => {
                "DELETE FROM plugin_timers WHERE instance_id = ?1 AND name = ?2 AND next_ms = ?3"
            }
        };
        let query = sqlx::query(query)
            .bind(timer.instance_id)
            .bind(&timer.name)
            .bind(timer.next_ms);
        let query = match next_ms {
            Some(next_ms) => query.bind(next_ms),
            None => query,
        };
        Ok(query.execute(&self.writer).await?.rows_affected() > 0)
    }
}
