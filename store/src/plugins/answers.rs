//! The table `plugin_answers`.

use crate::{Store, StoreError};

/// The administrator's last answer about a plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AnswerRow {
    /// The manifest's id.
    pub plugin: String,
    /// The permissions it was about, as JSON.
    pub asked: String,
    /// The grants, as JSON.
    pub allowed: String,
    /// The time, in milliseconds since the epoch.
    pub answered_ms: i64,
}

impl Store {
    /// Returns the administrator's answer about a plugin; none if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answer(&self, plugin: &str) -> Result<Option<AnswerRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT plugin, asked, allowed, answered_ms FROM plugin_answers WHERE plugin = ?",
        )
        .bind(plugin)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Returns the answers about all plugins.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answers(&self) -> Result<Vec<AnswerRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT plugin, asked, allowed, answered_ms FROM plugin_answers")
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// Records the answer about a plugin, and replaces the previous one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_answer(&self, row: &AnswerRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO plugin_answers (plugin, asked, allowed, answered_ms)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (plugin) DO UPDATE SET asked = excluded.asked,
             allowed = excluded.allowed, answered_ms = excluded.answered_ms",
        )
        .bind(&row.plugin)
        .bind(&row.asked)
        .bind(&row.allowed)
        .bind(row.answered_ms)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Forgets the administrator's answer about a plugin.
    ///
    /// # Errors
    ///
    /// Failures of the database.
    pub async fn remove_plugin_answer(&self, plugin: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM plugin_answers WHERE plugin = ?")
            .bind(plugin)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
