//! The table `audit`.

use super::{Store, StoreError};
use crate::time::now_ms;

/// Entries that are kept; the oldest go first.
const KEPT: i64 = 100_000;

/// A change to a plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// Grows with time.
    pub id: i64,
    /// The time, in milliseconds since the epoch.
    pub created_ms: i64,
    /// `user`, `command line`, `folder` or `server`.
    pub actor: String,
    /// The user, if a user made the change.
    pub user_id: Option<i64>,
    /// That user's name at the time.
    pub user_name: Option<String>,
    /// Such as `installed`.
    pub action: String,
    /// The manifest's id.
    pub plugin: String,
    /// A JSON object.
    pub details: String,
}

/// An entry to be added.
#[derive(Clone, Copy, Debug)]
pub struct NewAudit<'a> {
    /// See [`AuditRow::actor`].
    pub actor: &'a str,
    /// See [`AuditRow::user_id`] and [`AuditRow::user_name`].
    pub user: Option<(i64, &'a str)>,
    /// See [`AuditRow::action`].
    pub action: &'a str,
    /// See [`AuditRow::plugin`].
    pub plugin: &'a str,
    /// See [`AuditRow::details`].
    pub details: &'a str,
}

impl Store {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn add_audit(&self, new: NewAudit<'_>) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO audit (created_ms, actor, user_id, user_name, action, plugin, details)
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(now_ms())
        .bind(new.actor)
        .bind(new.user.map(|(id, _)| id))
        .bind(new.user.map(|(_, name)| name))
        .bind(new.action)
        .bind(new.plugin)
        .bind(new.details)
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM audit WHERE id <= ?")
            .bind(id - KEPT)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Entries before this one, newest first; of one plugin or of all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn audit(
        &self,
        plugin: Option<&str>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT * FROM audit WHERE id < ?1 AND (?2 IS NULL OR plugin = ?2)
             ORDER BY id DESC LIMIT ?3",
        )
        .bind(before)
        .bind(plugin)
        .bind(limit)
        .fetch_all(&self.readers)
        .await?)
    }
}
