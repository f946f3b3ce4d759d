//! The table `plugin_storage`: the contract's key-value store.

use crate::{Store, StoreError};

/// A value was not stored because the quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageFull {
    /// Bytes that keys and values would have taken.
    pub would_be: i64,
}

impl Store {
    /// Returns the size of an instance's keys and values together, in bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_storage_bytes(&self, instance: i64) -> Result<u64, StoreError> {
        let bytes: Option<i64> =
            sqlx::query_scalar("SELECT storage_bytes FROM plugin_instances WHERE id = ?")
                .bind(instance)
                .fetch_optional(&self.readers)
                .await?;
        Ok(bytes.unwrap_or(0).unsigned_abs())
    }

    /// The value under a key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_value(
        &self,
        instance: i64,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(
            sqlx::query_scalar(
                "SELECT value FROM plugin_storage WHERE instance_id = ? AND key = ?",
            )
            .bind(instance)
            .bind(key)
            .fetch_optional(&self.readers)
            .await?,
        )
    }

    /// Stores a value, unless all of the instance's keys and values would then
    /// take more than `quota` bytes; durable when it returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_value(
        &self,
        instance: i64,
        key: &str,
        value: &[u8],
        quota: i64,
    ) -> Result<Result<(), StorageFull>, StoreError> {
        let size = i64::try_from(key.len() + value.len()).unwrap_or(i64::MAX);
        let mut transaction = self.writer.begin().await?;
        let old = size_of(&mut transaction, instance, key).await?;
        let would_be: i64 = sqlx::query_scalar(
            "UPDATE plugin_instances SET storage_bytes = storage_bytes + ? WHERE id = ?
             RETURNING storage_bytes",
        )
        .bind(size - old)
        .bind(instance)
        .fetch_one(&mut *transaction)
        .await?;
        // What makes it smaller is welcome, even if a quota was lowered.
        if would_be > quota && size > old {
            transaction.rollback().await?;
            return Ok(Err(StorageFull { would_be }));
        }
        sqlx::query(
            "INSERT INTO plugin_storage (instance_id, key, value) VALUES (?, ?, ?)
             ON CONFLICT (instance_id, key) DO UPDATE SET value = excluded.value",
        )
        .bind(instance)
        .bind(key)
        .bind(value)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// Removes a key; nothing if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn remove_plugin_value(&self, instance: i64, key: &str) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        let old = size_of(&mut transaction, instance, key).await?;
        sqlx::query("DELETE FROM plugin_storage WHERE instance_id = ? AND key = ?")
            .bind(instance)
            .bind(key)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE plugin_instances SET storage_bytes = storage_bytes - ? WHERE id = ?")
            .bind(old)
            .bind(instance)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The keys that start with `prefix`, sorted by their bytes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_keys(
        &self,
        instance: i64,
        prefix: &str,
    ) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT key FROM plugin_storage
             WHERE instance_id = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2
             ORDER BY key",
        )
        .bind(instance)
        .bind(prefix)
        .fetch_all(&self.readers)
        .await?)
    }
}

/// Bytes that a key and its value take; 0 if there is none.
async fn size_of(
    connection: &mut sqlx::SqliteConnection,
    instance: i64,
    key: &str,
) -> Result<i64, sqlx::Error> {
    Ok(sqlx::query_scalar(
        "SELECT octet_length(key) + octet_length(value) FROM plugin_storage
         WHERE instance_id = ? AND key = ?",
    )
    .bind(instance)
    .bind(key)
    .fetch_optional(connection)
    .await?
    .unwrap_or(0))
}
