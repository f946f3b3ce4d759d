//! The table `clients`.

use super::{Store, StoreError, TokenHash, inserted_row, last_row};

/// A client: a device or program that acts for a user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ClientRow {
    /// Unique on the server.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// As the user named it.
    pub name: String,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The time of its token's last use, to within some minutes.
    pub last_used_ms: Option<i64>,
    /// It is removed when it was not used for this long; 0 for never.
    pub expires_after_seconds: i64,
    /// Until when it may do what needs an elevated session.
    pub elevated_until_ms: Option<i64>,
}

impl ClientRow {
    /// Returns the time at which it expires unless it is used before.
    pub fn expires_ms(&self) -> Option<i64> {
        (self.expires_after_seconds > 0).then(|| {
            self.last_used_ms
                .unwrap_or(self.created_ms)
                .saturating_add(self.expires_after_seconds.saturating_mul(1000))
        })
    }

    /// The end of its elevated session, if it is elevated at a time.
    pub fn elevated_until_ms(&self, now_ms: i64) -> Option<i64> {
        self.elevated_until_ms.filter(|until| now_ms < *until)
    }
}

/// The condition that a client has not expired at a time, which is bound.
macro_rules! alive {
    () => {
        "(expires_after_seconds = 0
          OR coalesce(last_used_ms, created_ms) + expires_after_seconds * 1000 > ?)"
    };
}

impl Store {
    /// The clients of a user that have not expired, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn clients(&self, user_id: i64) -> Result<Vec<ClientRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT * FROM clients WHERE user_id = ? AND ",
            alive!(),
            " ORDER BY id"
        ))
        .bind(user_id)
        .bind(self.now_ms())
        .fetch_all(&self.readers)
        .await?)
    }

    /// One client of a user, unless it has expired.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn client(&self, user_id: i64, id: i64) -> Result<Option<ClientRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT * FROM clients WHERE id = ? AND user_id = ? AND ",
            alive!()
        ))
        .bind(id)
        .bind(user_id)
        .bind(self.now_ms())
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The client of a token, unless it has expired.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn client_by_token(
        &self,
        token: &TokenHash,
    ) -> Result<Option<ClientRow>, StoreError> {
        let client: Option<ClientRow> =
            sqlx::query_as("SELECT * FROM clients WHERE token_hash = ?")
                .bind(token.as_bytes())
                .fetch_optional(&self.readers)
                .await?;
        Ok(client.filter(|client| client.expires_ms().is_none_or(|at| self.now_ms() < at)))
    }

    /// Creates a client.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn create_client(
        &self,
        user_id: i64,
        token: &TokenHash,
        name: &str,
        expires_after_seconds: i64,
        elevated_until_ms: Option<i64>,
    ) -> Result<ClientRow, StoreError> {
        let insertion = sqlx::query_as(
            "INSERT INTO clients
             (user_id, token_hash, name, created_ms, expires_after_seconds, elevated_until_ms)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(user_id)
        .bind(token.as_bytes())
        .bind(name)
        .bind(self.now_ms())
        .bind(expires_after_seconds)
        .bind(elevated_until_ms);
        Ok(inserted_row(insertion, &self.writer).await?)
    }

    /// Changes a user's client; its expiry stays as it is if none is named. None
    /// if the user has no such client, or if it has expired.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn update_client(
        &self,
        user_id: i64,
        id: i64,
        name: &str,
        expires_after_seconds: Option<i64>,
    ) -> Result<Option<ClientRow>, StoreError> {
        let change = sqlx::query_as(concat!(
            "UPDATE clients SET name = ?, expires_after_seconds = coalesce(?, expires_after_seconds)
             WHERE id = ? AND user_id = ? AND ", alive!(), " RETURNING *"))
        .bind(name)
        .bind(expires_after_seconds)
        .bind(id)
        .bind(user_id)
        .bind(self.now_ms());
        Ok(last_row(change, &self.writer).await?)
    }

    /// Lets a user's client do what needs an elevated session until a time.
    /// False if the user has no such client, or if it has expired.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn elevate_client(
        &self,
        user_id: i64,
        id: i64,
        until_ms: i64,
    ) -> Result<bool, StoreError> {
        let updated = sqlx::query(concat!(
            "UPDATE clients SET elevated_until_ms = ? WHERE id = ? AND user_id = ? AND ",
            alive!()
        ))
        .bind(until_ms)
        .bind(id)
        .bind(user_id)
        .bind(self.now_ms())
        .execute(&self.writer)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    /// Notes that a client was used now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn touch_client(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE clients SET last_used_ms = ? WHERE id = ?")
            .bind(self.now_ms())
            .bind(id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Deletes a user's client. False if the user has no such client.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_client(&self, user_id: i64, id: i64) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM clients WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Deletes the clients that were not used for longer than they may be, and
    /// returns their ids.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_expired_clients(&self) -> Result<Vec<i64>, StoreError> {
        Ok(sqlx::query_scalar(
            "DELETE FROM clients WHERE expires_after_seconds > 0
             AND coalesce(last_used_ms, created_ms) + expires_after_seconds * 1000 <= ?
             RETURNING id",
        )
        .bind(self.now_ms())
        .fetch_all(&self.writer)
        .await?)
    }
}
