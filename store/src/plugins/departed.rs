//! The table `departed_plugins`.

use crate::{Store, StoreError};

/// An uninstalled plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DepartedRow {
    /// The trusted key of its signature; none if it had none.
    pub key: Option<String>,
    /// The digest of its last version.
    pub digest: String,
    /// The time, in milliseconds since the epoch.
    pub departed_ms: i64,
}

impl Store {
    /// Returns the record of an uninstalled plugin; none for an id that was never
    /// uninstalled, or came back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn departed_plugin(&self, id: &str) -> Result<Option<DepartedRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT key, digest, departed_ms FROM departed_plugins WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Records that a plugin was uninstalled.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn add_departed_plugin(
        &self,
        id: &str,
        departed: &DepartedRow,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO departed_plugins (id, key, digest, departed_ms) VALUES (?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET key = excluded.key, digest = excluded.digest,
             departed_ms = excluded.departed_ms",
        )
        .bind(id)
        .bind(&departed.key)
        .bind(&departed.digest)
        .bind(departed.departed_ms)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Forgets that a plugin was uninstalled: it is back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn remove_departed_plugin(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM departed_plugins WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Disables a plugin for all its users, and forgets their consent. Their
    /// configurations and stored values stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_consents(&self, plugin: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET enabled = 0, consent = NULL WHERE plugin = ?")
            .bind(plugin)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
