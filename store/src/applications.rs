//! The table `applications`: senders, and those that belong to plugins.

use std::sync::Arc;

use super::{Store, StoreError, TokenHash, inserted_row, last_row, sort_key};

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ApplicationRow {
    /// Unique on the server.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// As the user named it.
    pub name: String,
    /// A description of its purpose; may be empty.
    pub description: String,
    /// Priority of messages that bring none.
    pub default_priority: i64,
    /// Applications are shown in this order.
    pub sort_key: String,
    /// File name in the images folder; none for the default image.
    pub image: Option<String>,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The time of its token's last use, to within some minutes.
    pub last_used_ms: Option<i64>,
    /// The plugin instance it belongs to, if it is internal.
    pub plugin_instance_id: Option<i64>,
    /// The plugin's application; empty for the main one.
    pub plugin_key: Option<String>,
    /// The time for which its messages are kept, in milliseconds; none for no bound of its
    /// own.
    pub keep_messages_for_ms: Option<i64>,
    /// The number of its newest messages that are kept; none for no bound of its own.
    pub keep_messages: Option<u32>,
}

impl ApplicationRow {
    /// Returns true if it belongs to a plugin.
    pub const fn is_internal(&self) -> bool {
        self.plugin_instance_id.is_some()
    }
}

/// The values of a new application.
#[derive(Clone, Debug, Default)]
pub struct NewApplication<'a> {
    /// See [`ApplicationRow::name`].
    pub name: &'a str,
    /// See [`ApplicationRow::description`].
    pub description: &'a str,
    /// See [`ApplicationRow::default_priority`].
    pub default_priority: i64,
    /// Behind all others if none.
    pub sort_key: Option<&'a str>,
}

/// A change of an application. A part that is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ApplicationChange<'a> {
    /// See [`ApplicationRow::name`].
    pub name: &'a str,
    /// See [`ApplicationRow::description`].
    pub description: Option<&'a str>,
    /// See [`ApplicationRow::default_priority`].
    pub default_priority: Option<i64>,
    /// See [`ApplicationRow::sort_key`].
    pub sort_key: Option<&'a str>,
}

impl Store {
    /// The applications of a user, in the user's order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn applications(&self, user_id: i64) -> Result<Vec<ApplicationRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM applications WHERE user_id = ? ORDER BY sort_key, id")
                .bind(user_id)
                .fetch_all(&self.readers)
                .await?,
        )
    }

    /// One application of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn application(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM applications WHERE id = ? AND user_id = ?")
                .bind(id)
                .bind(user_id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// The application of a token.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn application_by_token(
        &self,
        token: &TokenHash,
    ) -> Result<Option<Arc<ApplicationRow>>, StoreError> {
        let (state, now_ms) = (self.senders.state(), self.now_ms());
        if let Some(state) = state
            && let Some(kept) = self.senders.get(state, token, now_ms)
        {
            return Ok(Some(kept));
        }
        let found: Option<ApplicationRow> =
            sqlx::query_as("SELECT * FROM applications WHERE token_hash = ?")
                .bind(token.as_bytes())
                .fetch_optional(&self.readers)
                .await?;
        let found = found.map(Arc::new);
        if let (Some(state), Some(found)) = (state, &found) {
            self.senders.keep(state, *token, now_ms, Arc::clone(found));
        }
        Ok(found)
    }

    /// Creates an application that a token sends as.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the sort key is taken.
    pub async fn create_application(
        &self,
        user_id: i64,
        token: &TokenHash,
        new: NewApplication<'_>,
    ) -> Result<ApplicationRow, StoreError> {
        self.insert_application(user_id, new, Some(token), None)
            .await
    }

    /// The application of a plugin instance; made if it is not there. `key`
    /// tells the instance's applications apart, empty for the main one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_application(
        &self,
        user_id: i64,
        instance: i64,
        key: &str,
        new: NewApplication<'_>,
    ) -> Result<ApplicationRow, StoreError> {
        // The second caller finds the first one's row.
        for _ in 0..2 {
            let found = sqlx::query_as(
                "SELECT * FROM applications WHERE plugin_instance_id = ? AND plugin_key = ?",
            )
            .bind(instance)
            .bind(key)
            .fetch_optional(&self.readers)
            .await?;
            if let Some(found) = found {
                return Ok(found);
            }
            match self
                .insert_application(user_id, new.clone(), None, Some((instance, key)))
                .await
            {
                Err(StoreError::Conflict(_)) => {}
                other => return other,
            }
        }
        Err(StoreError::Conflict("the plugin's application"))
    }

    async fn insert_application(
        &self,
        user_id: i64,
        new: NewApplication<'_>,
        token: Option<&TokenHash>,
        plugin: Option<(i64, &str)>,
    ) -> Result<ApplicationRow, StoreError> {
        let mut writer = self.write().await?;
        // There is one writer, so nothing is written between these two
        // statements.
        let key = match new.sort_key {
            Some(key) => key.to_owned(),
            None => {
                let last: Option<String> =
                    sqlx::query_scalar("SELECT max(sort_key) FROM applications WHERE user_id = ?")
                        .bind(user_id)
                        .fetch_one(&mut *writer)
                        .await?;
                sort_key::after(last.as_deref())
            }
        };
        let insertion = sqlx::query_as(
            "INSERT INTO applications (user_id, token_hash, name, description, default_priority,
             sort_key, created_ms, plugin_instance_id, plugin_key)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(user_id)
        .bind(token.map(TokenHash::as_bytes))
        .bind(new.name)
        .bind(new.description)
        .bind(new.default_priority)
        .bind(key)
        .bind(self.now_ms())
        .bind(plugin.map(|(instance, _)| instance))
        .bind(plugin.map(|(_, key)| key));
        inserted_row(insertion, &mut *writer)
            .await
            .map_err(StoreError::conflict("an application of this sort key"))
    }

    /// Changes a user's application. None if the user has no such application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the sort key is taken.
    pub async fn update_application(
        &self,
        user_id: i64,
        id: i64,
        change: ApplicationChange<'_>,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let change = sqlx::query_as(
            "UPDATE applications SET name = ?, description = coalesce(?, description),
             default_priority = coalesce(?, default_priority), sort_key = coalesce(?, sort_key) WHERE id = ? AND user_id = ? RETURNING *",
        )
        .bind(change.name)
        .bind(change.description)
        .bind(change.default_priority)
        .bind(change.sort_key)
        .bind(id)
        .bind(user_id);
        last_row(change, &self.writer)
            .await
            .map_err(StoreError::conflict("an application of this sort key"))
    }

    /// Sets or removes the image of a user's application. None if the user has
    /// no such application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_image(
        &self,
        user_id: i64,
        id: i64,
        image: Option<&str>,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let change = sqlx::query_as(
            "UPDATE applications SET image = ? WHERE id = ? AND user_id = ? RETURNING *",
        )
        .bind(image)
        .bind(id)
        .bind(user_id);
        Ok(last_row(change, &self.writer).await?)
    }

    /// Gives a user's application another token. False if the user has no such
    /// application, or if it is a plugin's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_application_token(
        &self,
        user_id: i64,
        id: i64,
        token: &TokenHash,
    ) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE applications SET token_hash = ?
             WHERE id = ? AND user_id = ? AND plugin_instance_id IS NULL",
        )
        .bind(token.as_bytes())
        .bind(id)
        .bind(user_id)
        .execute(&self.writer)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Notes that an application's token was used now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn touch_application(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE applications SET last_used_ms = ? WHERE id = ?")
            .bind(self.now_ms())
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Deletes a user's application with its messages. False if the user has
    /// no such application.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_application(&self, user_id: i64, id: i64) -> Result<bool, StoreError> {
        // With the application they would be deleted at a time, and block senders.
        self.delete_in_batches(user_id, Some(id)).await?;
        let deleted = sqlx::query("DELETE FROM applications WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}
