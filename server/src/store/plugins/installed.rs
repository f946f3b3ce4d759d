//! The table `installed_plugins`.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    plugins::embedder::InstalledPlugin,
    store::{Store, StoreError},
};

/// The columns of a row.
type Row = (
    String,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
);

impl Store {
    /// All that is installed. What an older or newer server wrote and this one
    /// does not understand is left out: its file is then looked at anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn installed_plugins(&self) -> Result<Vec<InstalledPlugin>, StoreError> {
        // As one value: each row would come over from the database's thread by
        // itself, and the start waits for all of them.
        let all: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(file, identity, version, previous, source))
             FROM installed_plugins",
        )
        .fetch_one(&self.readers)
        .await?;
        let rows: Vec<Row> = parsed(&all).unwrap_or_default();
        let mut installed = Vec::with_capacity(rows.len());
        for (file, identity, version, previous, source) in rows {
            let Some(version) = parsed(&version) else {
                continue;
            };
            installed.push(InstalledPlugin {
                file,
                identity: optional(identity),
                version,
                previous: optional(previous),
                source: optional(source),
            });
        }
        Ok(installed)
    }

    /// Records an installed plugin, and replaces the previous record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_installed_plugin(&self, row: &InstalledPlugin) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO installed_plugins
             (id, file, identity, version, previous, created_ms, updated_ms, source)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET
             file = excluded.file, identity = excluded.identity, previous = excluded.previous,
             source = excluded.source,
             updated_ms = CASE WHEN version = excluded.version THEN updated_ms
                               ELSE excluded.updated_ms END,
             version = excluded.version",
        )
        .bind(row.id())
        .bind(&row.file)
        .bind(row.identity.as_ref().map(json))
        .bind(json(&row.version))
        .bind(row.previous.as_ref().map(json))
        .bind(self.now_ms())
        .bind(row.source.as_ref().map(json))
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Forgets an installed plugin; its users' rows stay.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn remove_installed_plugin(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM installed_plugins WHERE id = ?")
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> String {
    // Plain data always serializes.
    serde_json::to_string(value).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(%error, "what is stored about a plugin is not understood, and made anew"))
        .ok()
}

pub(super) fn optional<T: DeserializeOwned>(text: Option<String>) -> Option<T> {
    parsed(&text?)
}
