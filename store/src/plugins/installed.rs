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

/// Reads the text of one row.
fn row(text: &str) -> Result<InstalledRow, sqlx::Error> {
    let mut values = text.split('\u{1f}');
    let mut next = || values.next().unwrap_or_default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(InstalledRow {
        id: next().to_owned(),
        file: serde_json::from_str(next()).map_err(|error| sqlx::Error::Decode(error.into()))?,
        identity: some(next()),
        version: next().to_owned(),
        previous: some(next()),
        source: some(next()),
    })
}

impl Store {
    /// Returns all installed plugins.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn installed_plugins(&self) -> Result<Vec<InstalledRow>, StoreError> {
        // As one text: each row would come over from the database's thread by itself,
        // and the start waits for all of them. Ids have no control characters, and JSON
        // escapes them, so they can part the values.
        let all: Option<String> = sqlx::query_scalar(
            "SELECT group_concat(
                 id || char(31) || json_quote(file) || char(31) || coalesce(identity, '')
                 || char(31) || version || char(31) || coalesce(previous, '')
                 || char(31) || coalesce(source, ''),
             char(30)) FROM installed_plugins",
        )
        .fetch_one(&self.readers)
        .await?;
        let rows = all.iter().flat_map(|all| all.split('\u{1e}'));
        Ok(rows.map(row).collect::<Result<_, _>>()?)
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

#[cfg(test)]
mod tests {
    use super::InstalledRow;
    use crate::Store;

    #[tokio::test]
    async fn rows_come_back_as_they_were_set() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.installed_plugins().await.unwrap(), []);
        let full = InstalledRow {
            id: "org.example.a".to_owned(),
            // A name may have whatever the file system takes.
            file: "a \u{1f}\u{1e}\"\n\\ä.wasm".to_owned(),
            identity: Some(r#"{"size":1}"#.to_owned()),
            version: r#"{"name":"\u001f"}"#.to_owned(),
            previous: Some("{}".to_owned()),
            source: Some("[]".to_owned()),
        };
        let bare = InstalledRow {
            id: "org.example.b".to_owned(),
            file: "b".to_owned(),
            identity: None,
            previous: None,
            source: None,
            ..full.clone()
        };
        for row in [&full, &bare] {
            store.set_installed_plugin(row).await.unwrap();
        }
        let mut rows = store.installed_plugins().await.unwrap();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(rows, [full, bare]);
    }
}
