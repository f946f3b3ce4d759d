//! The table `traced_versions`: the versions of plugins in traces, each with a number.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Store, StoreError};

/// Versions that are kept in memory; beyond it they are read again.
const KNOWN: usize = 4096;

/// A version of a plugin as traces name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, sqlx::FromRow)]
pub struct TracedVersion {
    /// The manifest's id.
    pub plugin: String,
    /// The plugin's name.
    pub name: String,
    /// The version.
    pub version: String,
}

/// The numbers that were used of late. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(Arc<Mutex<Numbers>>);

#[derive(Debug, Default)]
struct Numbers {
    of: HashMap<TracedVersion, i64>,
    by: HashMap<i64, TracedVersion>,
}

impl Known {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        // Each change of it is one that a panic cannot interrupt.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: i64, version: &TracedVersion) {
        let mut numbers = self.numbers();
        if numbers.by.len() >= KNOWN {
            *numbers = Numbers::default();
        }
        numbers.of.insert(version.clone(), id);
        numbers.by.insert(id, version.clone());
    }
}

impl Store {
    /// Returns the number of a version; a version that has none is given one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn traced_version_id(&self, version: &TracedVersion) -> Result<i64, StoreError> {
        let known = self.versions.numbers().of.get(version).copied();
        if let Some(id) = known {
            return Ok(id);
        }
        // An update that changes nothing returns the row that is there.
        let id = sqlx::query_scalar(
            "INSERT INTO traced_versions (plugin, name, version) VALUES (?, ?, ?)
             ON CONFLICT (plugin, name, version) DO UPDATE SET name = name RETURNING id",
        )
        .bind(&version.plugin)
        .bind(&version.name)
        .bind(&version.version)
        .fetch_one(&self.writer)
        .await?;
        self.versions.add(id, version);
        Ok(id)
    }

    /// Returns the version with a number; none if no version has it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn traced_version(&self, id: i64) -> Result<Option<TracedVersion>, StoreError> {
        let known = self.versions.numbers().by.get(&id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let found: Option<TracedVersion> =
            sqlx::query_as("SELECT plugin, name, version FROM traced_versions WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.readers)
                .await?;
        if let Some(version) = &found {
            self.versions.add(id, version);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::TracedVersion;
    use crate::Store;

    #[tokio::test]
    async fn a_version_has_one_number_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let version = |version: &str| TracedVersion {
            plugin: "org.example.shout".to_owned(),
            name: "Shout".to_owned(),
            version: version.to_owned(),
        };
        let (one, two) = (version("1.0.0"), version("2.0.0"));
        let store = Store::open(folder.path()).await.unwrap();
        let first = store.traced_version_id(&one).await.unwrap();
        assert_eq!(store.traced_version_id(&one).await.unwrap(), first);
        assert_ne!(store.traced_version_id(&two).await.unwrap(), first);
        store.close().await;
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(
            store.traced_version(first).await.unwrap(),
            Some(one.clone())
        );
        assert_eq!(store.traced_version_id(&one).await.unwrap(), first);
        assert_eq!(store.traced_version(first + 2).await.unwrap(), None);
        store.close().await;
    }
}
