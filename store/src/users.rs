//! The table `users`.

use super::{Store, StoreError, inserted_row, last_row};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UserRow {
    /// Unique on the server.
    pub id: i64,
    /// Login name, unique.
    pub name: String,
    /// True if the user administers the server.
    pub admin: bool,
    /// In the format of `auth::Passwords`.
    pub password_hash: String,
    /// The time of the user's creation, in milliseconds since the epoch.
    pub created_ms: i64,
}

impl Store {
    /// Returns the number of users.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user_count(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM users")
            .fetch_one(&self.readers)
            .await?)
    }

    /// Returns the time zone that a user has chosen; none if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn time_zone(&self, id: i64) -> Result<Option<String>, StoreError> {
        let zone = sqlx::query_scalar("SELECT time_zone FROM users WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
        Ok(zone.flatten())
    }

    /// Sets the time zone of a user; none for the server's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_time_zone(&self, id: i64, zone: Option<&str>) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET time_zone = ? WHERE id = ?")
            .bind(zone)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// All users, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM users ORDER BY id")
            .fetch_all(&self.readers)
            .await?)
    }

    /// One user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user(&self, id: i64) -> Result<Option<UserRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM users WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The user of a login name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM users WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// Creates a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn create_user(
        &self,
        name: &str,
        password_hash: &str,
        admin: bool,
    ) -> Result<UserRow, StoreError> {
        let insertion = sqlx::query_as(
            "INSERT INTO users (name, password_hash, admin, created_ms) VALUES (?, ?, ?, ?)
             RETURNING *",
        )
        .bind(name)
        .bind(password_hash)
        .bind(admin)
        .bind(self.now_ms());
        inserted_row(insertion, &self.writer)
            .await
            .map_err(StoreError::conflict("a user of this name"))
    }

    /// Changes a user; `password_hash` none keeps the password. Returns none if
    /// there is no such user, or if no administrator would remain.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn update_user(
        &self,
        id: i64,
        name: &str,
        password_hash: Option<&str>,
        admin: bool,
    ) -> Result<Option<UserRow>, StoreError> {
        let change = sqlx::query_as(
            "UPDATE users SET name = ?2, password_hash = coalesce(?3, password_hash), admin = ?4
             WHERE id = ?1 AND (?4 OR EXISTS (SELECT 1 FROM users WHERE admin AND id <> ?1))
             RETURNING *",
        )
        .bind(id)
        .bind(name)
        .bind(password_hash)
        .bind(admin);
        last_row(change, &self.writer)
            .await
            .map_err(StoreError::conflict("a user of this name"))
    }

    /// Sets a user's password.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_password(&self, id: i64, password_hash: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?")
            .bind(password_hash)
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Replaces a user's hash by another of the same password, unless it has
    /// changed meanwhile.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn replace_password(&self, id: i64, old: &str, new: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2")
            .bind(id)
            .bind(old)
            .bind(new)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The hashes of passwords that begin with a text.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn password_hashes(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT password_hash FROM users WHERE substr(password_hash, 1, length(?1)) = ?1",
        )
        .bind(prefix)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes a user and all of the user's data. Returns false if there is no
    /// such user, or if no administrator would remain.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_user(&self, id: i64) -> Result<bool, StoreError> {
        if self.is_last_admin(id).await? {
            return Ok(false);
        }
        // With the user they would be deleted at a time, and block senders.
        self.delete_in_batches(id, None).await?;
        let deleted = sqlx::query(
            "DELETE FROM users WHERE id = ?1
             AND (NOT admin OR EXISTS (SELECT 1 FROM users WHERE admin AND id <> ?1))",
        )
        .bind(id)
        .execute(&self.writer)
        .await?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn is_last_admin(&self, id: i64) -> Result<bool, StoreError> {
        let last = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND admin)
             AND NOT EXISTS (SELECT 1 FROM users WHERE admin AND id <> ?1)",
        );
        Ok(last.bind(id).fetch_one(&self.readers).await?)
    }
}
