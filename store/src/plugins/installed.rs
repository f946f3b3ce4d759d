//! The table `installed_plugins`.

use crate::{Store, StoreError};

/// An installed plugin. The server that wrote it may be older or newer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledRow {
    /// The manifest's id.
    pub id: String,
    /// Its file in the plugins folder.
    pub file: String,
    /// The identity of its file, as JSON.
    pub identity: Option<String>,
    /// Its active version, as JSON.
    pub version: String,
    /// Its previous version, as JSON.
    pub previous: Option<String>,
    /// The registry that its newest version came from, as JSON.
    pub source: Option<String>,
}

/// The columns of a row.
type Columns = (
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    Option<String>,
);

impl Store {
    /// Returns all installed plugins.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn installed_plugins(&self) -> Result<Vec<InstalledRow>, StoreError> {
        // As one value: each row would come over from the database's thread by
        // itself, and the start waits for all of them.
        let all: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(id, file, identity, version, previous, source))
             FROM installed_plugins",
        )
        .fetch_one(&self.readers)
        .await?;
        let rows: Vec<Columns> =
            serde_json::from_str(&all).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let installed =
            rows.into_iter().map(
                |(id, file, identity, version, previous, source)| InstalledRow {
                    id,
                    file,
                    identity,
                    version,
                    previous,
                    source,
                },
            );
        Ok(installed.collect())
    }

    /// Records an installed plugin, and replaces the previous record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_installed_plugin(&self, row: &InstalledRow) -> Result<(), StoreError> {
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
        .bind(&row.id)
        .bind(&row.file)
        .bind(&row.identity)
        .bind(&row.version)
        .bind(&row.previous)
        .bind(self.now_ms())
        .bind(&row.source)
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
