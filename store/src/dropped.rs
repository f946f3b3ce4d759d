//! The table `dropped_messages`: kept within a bound of number and age.

use super::{Page, Store, StoreError};

/// Messages of each kind that are kept for one user; the oldest go first.
const KEPT: i64 = 500;
/// How long one is kept, in milliseconds: a week.
pub const DROPPED_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A message that was not stored because of a filter.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DroppedRow {
    /// Unique among dropped messages; 0 for one that is to be kept.
    pub id: i64,
    /// The application it came from.
    pub application_id: i64,
    /// The user it was for.
    pub user_id: i64,
    /// As the filter was given it; so are the next three.
    pub title: String,
    /// Its text.
    pub body: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i32,
    /// A JSON object as text.
    pub extras: Option<String>,
    /// When it came, in milliseconds since the epoch.
    pub created_ms: i64,
    /// Whether it was refused because the filter failed, and not dropped.
    pub refused: bool,
    /// The manifest's id of the filter's plugin.
    pub plugin: String,
    /// The plugin's name.
    pub plugin_name: String,
    /// The plugin's number among its user's.
    pub instance_id: i64,
    /// The filter's reason, or how it failed.
    pub reason: String,
    /// The record of the filters, as JSON.
    pub trace: Option<String>,
    /// The stored message that it would have changed; none for a new one.
    pub updates: Option<i64>,
    /// The time at which it is deleted once it is restored, in milliseconds since the epoch;
    /// none for never.
    pub expires_ms: Option<i64>,
    /// False for a change that leaves the time of its message as it is.
    pub sets_expiry: bool,
}

macro_rules! columns {
    () => {
        "id, application_id, user_id, title, body, priority, extras, created_ms, refused, \
         plugin, plugin_name, instance_id, reason, trace, updates, expires_ms, sets_expiry"
    };
}

impl Store {
    /// Keeps dropped messages, in one transaction, and lets the oldest of their
    /// users go. None for one whose application is not there any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing was kept.
    pub async fn keep_dropped(
        &self,
        new: &[DroppedRow],
    ) -> Result<Vec<Option<DroppedRow>>, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let mut rows = Vec::with_capacity(new.len());
        for new in new {
            let row: Option<DroppedRow> = sqlx::query_as(concat!(
                "INSERT INTO dropped_messages
                 (application_id, user_id, title, body, priority, extras, created_ms, refused,
                  plugin, plugin_name, instance_id, reason, trace, updates, expires_ms,
                  sets_expiry)
                 SELECT id, user_id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
                 FROM applications WHERE id = ?1 AND user_id = ?2 RETURNING ",
                columns!()
            ))
            .bind(new.application_id)
            .bind(new.user_id)
            .bind(&new.title)
            .bind(&new.body)
            .bind(new.priority)
            .bind(&new.extras)
            .bind(new.created_ms)
            .bind(new.refused)
            .bind(&new.plugin)
            .bind(&new.plugin_name)
            .bind(new.instance_id)
            .bind(&new.reason)
            .bind(&new.trace)
            .bind(new.updates)
            .bind(new.expires_ms)
            .bind(new.sets_expiry)
            .fetch_optional(&mut *transaction)
            .await?;
            rows.push(row);
            sqlx::query(
                "DELETE FROM dropped_messages WHERE user_id = ?1 AND refused = ?2 AND id <=
                 (SELECT id FROM dropped_messages WHERE user_id = ?1 AND refused = ?2
                  ORDER BY id DESC LIMIT 1 OFFSET ?3)",
            )
            .bind(new.user_id)
            .bind(new.refused)
            .bind(KEPT)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(rows)
    }

    /// Dropped messages of a user, newest first; those whose time is over are
    /// not among them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn dropped_messages(
        &self,
        user_id: i64,
        page: Page,
    ) -> Result<Vec<DroppedRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM dropped_messages WHERE user_id = ? AND id < ? AND created_ms > ?
             ORDER BY id DESC LIMIT ?"
        ))
        .bind(user_id)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(self.now_ms() - DROPPED_KEPT_MS)
        .bind(page.limit.saturating_add(1))
        .fetch_all(&self.readers)
        .await?)
    }

    /// One dropped message of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn dropped_message(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<DroppedRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM dropped_messages WHERE user_id = ? AND id = ? AND created_ms > ?"
        ))
        .bind(user_id)
        .bind(id)
        .bind(self.now_ms() - DROPPED_KEPT_MS)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Forgets a dropped message of a user, or all of them. Whether there was
    /// one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_dropped(&self, user_id: i64, id: Option<i64>) -> Result<bool, StoreError> {
        let deleted = sqlx::query(
            "DELETE FROM dropped_messages WHERE user_id = ?1 AND (?2 IS NULL OR id = ?2)",
        )
        .bind(user_id)
        .bind(id)
        .execute(&self.writer)
        .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Forgets all dropped messages whose time is over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_old_dropped(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM dropped_messages WHERE created_ms <= ?")
            .bind(self.now_ms() - DROPPED_KEPT_MS)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
