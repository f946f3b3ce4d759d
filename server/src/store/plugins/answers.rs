//! The table `plugin_answers`.

use std::collections::HashMap;

use super::installed::{json, optional};
use crate::{
    plugins::embedder::GrantRecord,
    store::{Store, StoreError},
};

impl Store {
    /// Returns the administrator's answer about a plugin; none if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answer(&self, plugin: &str) -> Result<Option<GrantRecord>, StoreError> {
        let row: Option<(String, String, i64)> = sqlx::query_as(
            "SELECT asked, allowed, answered_ms FROM plugin_answers WHERE plugin = ?",
        )
        .bind(plugin)
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.and_then(parsed))
    }

    /// Returns the answers about all plugins, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answers(&self) -> Result<HashMap<String, GrantRecord>, StoreError> {
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as("SELECT plugin, asked, allowed, answered_ms FROM plugin_answers")
                .fetch_all(&self.readers)
                .await?;
        let answers = rows
            .into_iter()
            .filter_map(|(plugin, asked, allowed, answered_ms)| {
                Some((plugin, parsed((asked, allowed, answered_ms))?))
            });
        Ok(answers.collect())
    }

    /// Records the answer about a plugin, and replaces the previous one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_answer(
        &self,
        plugin: &str,
        row: &GrantRecord,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO plugin_answers (plugin, asked, allowed, answered_ms)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (plugin) DO UPDATE SET asked = excluded.asked,
             allowed = excluded.allowed, answered_ms = excluded.answered_ms",
        )
        .bind(plugin)
        .bind(json(&row.asked))
        .bind(json(&row.allowed))
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

/// A row that an older or newer server wrote, and that this one does not
/// understand, counts as no answer.
fn parsed((asked, allowed, answered_ms): (String, String, i64)) -> Option<GrantRecord> {
    Some(GrantRecord {
        asked: optional(Some(asked))?,
        allowed: optional(Some(allowed))?,
        answered_ms,
    })
}
