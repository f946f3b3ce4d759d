//! The data of users' plugins: the instances here, their [`storage`], their
//! [`timers`], and their [`messages`]; and the data of plugins: the
//! [`installed`] ones, and the administrator's [`answers`].

mod answers;
mod call_traces;
mod departed;
mod installed;
mod messages;
mod storage;
mod timers;

pub use answers::AnswerRow;
pub use call_traces::{CallTraceRow, NewCallTrace};
pub use departed::DepartedRow;
pub use installed::InstalledRow;
pub use messages::{DeadLetterRow, Readable, SourcedMessage};
pub use storage::StorageFull;
pub use timers::{TimerRow, TooManyTimers};

use super::{Store, StoreError};

/// One user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct InstanceRow {
    /// Unique on the server; the plugin's id in the API.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The manifest's id.
    pub plugin: String,
    /// The secret part of its webhook address.
    pub token: String,
    /// As the user saved it; none for the plugin's defaults.
    pub config: Option<String>,
    /// True if the user enabled it.
    pub enabled: bool,
    /// The user's last consent, as JSON.
    pub consent: Option<String>,
    /// Its filter's place in the user's chain; ties go by id.
    pub filter_order: i64,
    /// True if the server rejects messages when its filter fails.
    pub fail_closed: bool,
    /// The applications whose messages its filter is asked about, as a JSON list of ids;
    /// none for all.
    pub filter_applications: Option<String>,
    /// Its listener was given every message up to this one.
    pub cursor: i64,
    /// The reason for which the server disabled it, or its last start failed.
    pub last_error: Option<String>,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
}

/// An instance to be made. Its token is a secret, so it has no `Debug`.
#[derive(Clone)]
pub struct NewInstance {
    /// See [`InstanceRow::user_id`].
    pub user_id: i64,
    /// See [`InstanceRow::plugin`].
    pub plugin: String,
    /// See [`InstanceRow::token`].
    pub token: String,
}

/// A filter's place in its user's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterPlace {
    /// See [`InstanceRow::id`].
    pub id: i64,
    /// See [`InstanceRow::filter_order`].
    pub order: i64,
    /// See [`InstanceRow::fail_closed`].
    pub fail_closed: bool,
}

/// An application that belongs to an instance.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PluginApplication {
    /// As the plugin names it; empty for its main one.
    pub key: String,
    /// Unique on the server.
    pub id: i64,
    /// As the user sees it.
    pub name: String,
}

/// What an instance keeps.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UsageRow {
    /// The instance.
    pub instance: i64,
    /// The name of its user.
    pub user: String,
    /// True if the user enabled it.
    pub enabled: bool,
    /// Its keys and values, in bytes.
    pub storage_bytes: i64,
    /// Its timers.
    pub timers: i64,
}

macro_rules! columns {
    () => {
        "id, user_id, plugin, token, config, enabled, consent, filter_order, fail_closed, \
         filter_applications, cursor, last_error, created_ms"
    };
}

impl Store {
    /// All enabled instances, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn enabled_plugin_instances(&self) -> Result<Vec<InstanceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM plugin_instances WHERE enabled ORDER BY id"
        ))
        .fetch_all(&self.readers)
        .await?)
    }

    /// All users' instances of one plugin, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_instances_of_plugin(
        &self,
        plugin: &str,
    ) -> Result<Vec<InstanceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM plugin_instances WHERE plugin = ? ORDER BY id"
        ))
        .bind(plugin)
        .fetch_all(&self.readers)
        .await?)
    }

    /// A user's instances, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_instances_of(&self, user_id: i64) -> Result<Vec<InstanceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM plugin_instances WHERE user_id = ? ORDER BY id"
        ))
        .bind(user_id)
        .fetch_all(&self.readers)
        .await?)
    }

    /// One instance.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_instance(&self, id: i64) -> Result<Option<InstanceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM plugin_instances WHERE id = ?"
        ))
        .bind(id)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The instance of a webhook token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_instance_by_token(
        &self,
        token: &str,
    ) -> Result<Option<InstanceRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM plugin_instances WHERE token = ?"
        ))
        .bind(token)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Returns the pairs of these users and these plugins without an instance.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn missing_plugin_instances(
        &self,
        users: &[i64],
        plugins: &[&str],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.value, p.value FROM json_each(?) u, json_each(?) p
             WHERE NOT EXISTS (SELECT 1 FROM plugin_instances
                               WHERE user_id = u.value AND plugin = p.value)",
        )
        .bind(json(users))
        .bind(json(plugins))
        .fetch_all(&self.readers)
        .await?)
    }

    /// Makes instances, disabled and without a configuration. One that is
    /// there meanwhile stays as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn add_plugin_instances(&self, new: &[NewInstance]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for new in new {
            sqlx::query(
                "INSERT INTO plugin_instances (user_id, plugin, token, created_ms)
                 SELECT id, ?2, ?3, ?4 FROM users WHERE id = ?1
                 ON CONFLICT (user_id, plugin) DO NOTHING",
            )
            .bind(new.user_id)
            .bind(&new.plugin)
            .bind(&new.token)
            .bind(self.now_ms())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Returns the keys, ids and names of an instance's applications.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_applications(
        &self,
        instance: i64,
    ) -> Result<Vec<PluginApplication>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT plugin_key AS key, id, name FROM applications WHERE plugin_instance_id = ?",
        )
        .bind(instance)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Records that an instance was enabled now, its user's consent as JSON, and its
    /// listener's cursor.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn enable_plugin_instance(
        &self,
        id: i64,
        consent: &str,
        cursor: i64,
    ) -> Result<(), StoreError> {
        let enabled = sqlx::query(
            "UPDATE plugin_instances SET enabled = 1, last_error = NULL, consent = ?2,
             cursor = ?3 WHERE id = ?1",
        )
        .bind(id)
        .bind(consent)
        .bind(cursor)
        .execute(&self.writer)
        .await?;
        // The user may have been deleted meanwhile.
        match enabled.rows_affected() {
            0 => Err(sqlx::Error::RowNotFound.into()),
            _ => Ok(()),
        }
    }

    /// Notes that an instance was disabled, and why if the user did not ask
    /// for it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn disable_plugin_instance(
        &self,
        id: i64,
        error: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET enabled = 0, last_error = ? WHERE id = ?")
            .bind(error)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Records the consent of an enabled instance's user from now on, as JSON.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_consent(&self, id: i64, consent: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET consent = ? WHERE id = ?")
            .bind(consent)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Stores a configuration as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_config(&self, id: i64, config: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET config = ? WHERE id = ?")
            .bind(config)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Places filters in their user's chain, in one transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing has changed then.
    pub async fn set_plugin_filters(&self, places: &[FilterPlace]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        for place in places {
            sqlx::query(
                "UPDATE plugin_instances SET filter_order = ?, fail_closed = ? WHERE id = ?",
            )
            .bind(place.order)
            .bind(place.fail_closed)
            .bind(place.id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Sets the applications whose messages a filter is asked about, as a JSON list of ids;
    /// none for all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_filter_applications(
        &self,
        id: i64,
        applications: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET filter_applications = ? WHERE id = ?")
            .bind(applications)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Returns true if a user's plugin has something in its storage.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn has_values(&self, instance: i64) -> Result<bool, StoreError> {
        let bytes: Option<i64> =
            sqlx::query_scalar("SELECT storage_bytes FROM plugin_instances WHERE id = ?")
                .bind(instance)
                .fetch_optional(&self.readers)
                .await?;
        Ok(bytes.is_some_and(|bytes| bytes > 0))
    }

    /// What the instances of a plugin keep, by the names of their users.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_usage(&self, plugin: &str) -> Result<Vec<UsageRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT i.id AS instance, u.name AS user, i.enabled, i.storage_bytes,
             (SELECT count(*) FROM plugin_timers t WHERE t.instance_id = i.id) AS timers
             FROM plugin_instances i JOIN users u ON u.id = i.user_id
             WHERE i.plugin = ? ORDER BY u.name",
        )
        .bind(plugin)
        .fetch_all(&self.readers)
        .await?)
    }
}

/// A list as SQLite's `json_each` reads it.
pub(crate) fn json<T: serde::Serialize>(values: &[T]) -> String {
    // Numbers and strings always serialize.
    serde_json::to_string(values).unwrap_or_else(|_| "[]".to_owned())
}
