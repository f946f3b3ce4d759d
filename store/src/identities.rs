//! The table `identities`: users of an OpenID provider.

use super::{Store, StoreError, UserRow};

impl Store {
    /// The user of an identity.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn user_by_identity(&self, identity: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT u.* FROM users u JOIN identities i ON i.user_id = u.id WHERE i.identity = ?",
        )
        .bind(identity)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Gives a user an identity. Returns false if the user has another one, or the
    /// identity is another user's.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn link_identity(&self, user: i64, identity: &str) -> Result<bool, StoreError> {
        let linked = sqlx::query(
            "INSERT INTO identities (identity, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(identity)
        .bind(user)
        .execute(&self.writer)
        .await?;
        Ok(linked.rows_affected() > 0)
    }

    /// Creates a user with an identity; the hash is of a random, unknown password.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the name or the identity is taken.
    pub async fn create_user_of_identity(
        &self,
        name: &str,
        password_hash: &str,
        identity: &str,
    ) -> Result<UserRow, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let user: UserRow = sqlx::query_as(
            "INSERT INTO users (name, password_hash, admin, created_ms) VALUES (?, ?, 0, ?)
             RETURNING *",
        )
        .bind(name)
        .bind(password_hash)
        .bind(self.now_ms())
        .fetch_one(&mut *transaction)
        .await
        .map_err(StoreError::conflict("a user of this name"))?;
        sqlx::query("INSERT INTO identities (identity, user_id) VALUES (?, ?)")
            .bind(identity)
            .bind(user.id)
            .execute(&mut *transaction)
            .await
            .map_err(StoreError::conflict("a user of this identity"))?;
        transaction.commit().await?;
        Ok(user)
    }
}
