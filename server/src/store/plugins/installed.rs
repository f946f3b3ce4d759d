//! The table `installed_plugins`.

use mortise_runtime::{Described, registry::Identity};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::store::{Store, StoreError};

/// The known facts about an installed plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledRow {
    /// File name in the plugins folder.
    pub file: String,
    /// The file when it was last accepted; none when it was removed.
    pub identity: Option<Identity>,
    /// The active version.
    pub version: VersionRow,
    /// The previous version; none if there is none.
    pub previous: Option<VersionRow>,
}

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRow {
    /// The name of the file it came in, and of its own copy.
    pub name: String,
    /// What it is.
    pub described: Described,
    /// Its signature; none if it has none.
    #[serde(default)]
    pub signed: Option<Signed>,
}

/// A file's signature, which is good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// All that is in its file.
    pub text: String,
    /// The trusted key that it was made with, by its name in the trust file;
    /// none for a key that is not trusted.
    pub by: Option<String>,
    /// That key, as it is in the trust file.
    #[serde(default)]
    pub key: Option<String>,
}

impl Store {
    /// All that is installed. What an older or newer server wrote and this one
    /// does not understand is left out: its file is then looked at anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn installed_plugins(&self) -> Result<Vec<InstalledRow>, StoreError> {
        // As one value: each row would come over from the database's thread by
        // itself, and the start waits for all of them.
        let all: String = sqlx::query_scalar(
            "SELECT json_group_array(json_array(file, identity, version, previous))
             FROM installed_plugins",
        )
        .fetch_one(&self.readers)
        .await?;
        let rows: Vec<(String, Option<String>, String, Option<String>)> =
            parsed(&all).unwrap_or_default();
        let mut installed = Vec::with_capacity(rows.len());
        for (file, identity, version, previous) in rows {
            let Some(version) = parsed(&version) else {
                continue;
            };
            installed.push(InstalledRow {
                file,
                identity: optional(identity),
                version,
                previous: optional(previous),
            });
        }
        Ok(installed)
    }

    /// Records an installed plugin, and replaces the previous record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_installed_plugin(&self, row: &InstalledRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO installed_plugins
             (id, file, identity, version, previous, created_ms, updated_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
             ON CONFLICT (id) DO UPDATE SET
             file = excluded.file, identity = excluded.identity, previous = excluded.previous,
             updated_ms = CASE WHEN version = excluded.version THEN updated_ms
                               ELSE excluded.updated_ms END,
             version = excluded.version",
        )
        .bind(&row.version.described.manifest.id)
        .bind(&row.file)
        .bind(row.identity.as_ref().map(json))
        .bind(json(&row.version))
        .bind(row.previous.as_ref().map(json))
        .bind(self.now_ms())
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
