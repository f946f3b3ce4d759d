//! The table `plugin_answers`.

use std::collections::HashMap;

use mortise_runtime::{Grants, types::Permission};

use super::installed::{json, optional};
use crate::store::{Store, StoreError};

/// What a plugin asked of the administrator, and what was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// The permissions it was answered about.
    pub asked: Vec<Permission>,
    /// What was allowed.
    pub allowed: Grants,
    /// When, in milliseconds since the epoch.
    pub answered_ms: i64,
}

impl Store {
    /// What was answered about a plugin; none if nobody has answered.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answer(&self, plugin: &str) -> Result<Option<AnswerRow>, StoreError> {
        let row: Option<(String, String, i64)> = sqlx::query_as(
            "SELECT asked, allowed, answered_ms FROM plugin_answers WHERE plugin = ?",
        )
        .bind(plugin)
        .fetch_optional(&self.readers)
        .await?;
        Ok(row.and_then(parsed))
    }

    /// What was answered about every plugin, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_answers(&self) -> Result<HashMap<String, AnswerRow>, StoreError> {
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

    /// Notes what was answered about a plugin, in place of what was noted.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_answer(&self, plugin: &str, row: &AnswerRow) -> Result<(), StoreError> {
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
}

/// What an older or newer server wrote and this one does not understand is as
/// if nobody had answered.
fn parsed((asked, allowed, answered_ms): (String, String, i64)) -> Option<AnswerRow> {
    Some(AnswerRow {
        asked: optional(Some(asked))?,
        allowed: optional(Some(allowed))?,
        answered_ms,
    })
}
