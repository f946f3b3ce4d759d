//! The table `messages`.

use super::{Store, StoreError};

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct MessageRow {
    /// Unique on the server; grows with time and is never used again.
    pub id: i64,
    /// The application it came from.
    pub application_id: i64,
    /// The user who got it.
    pub user_id: i64,
    /// May be empty.
    pub title: String,
    /// What it says.
    pub body: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i32,
    /// A JSON object as text.
    pub extras: Option<String>,
    /// When it was stored, in milliseconds since the epoch.
    pub created_ms: i64,
}

/// What a new message is made of.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// See [`MessageRow::application_id`]; of the same user.
    pub application_id: i64,
    /// See [`MessageRow::user_id`].
    pub user_id: i64,
    /// See [`MessageRow::title`].
    pub title: String,
    /// See [`MessageRow::body`].
    pub body: String,
    /// See [`MessageRow::priority`].
    pub priority: i32,
    /// See [`MessageRow::extras`].
    pub extras: Option<String>,
    /// See [`MessageRow::created_ms`].
    pub created_ms: i64,
    /// What each filter did, as JSON.
    pub trace: Option<String>,
    /// The dropped message that it restores, which is forgotten with that.
    pub restores: Option<i64>,
}

/// Which part of a list is wanted, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Only messages with a smaller id.
    pub before: Option<i64>,
    /// At most this many.
    pub limit: i64,
}

/// All columns but the trace, which is only read on its own.
macro_rules! columns {
    () => {
        "id, application_id, user_id, title, body, priority, extras, created_ms"
    };
}

impl Store {
    /// Stores messages in one transaction, in their order. None for a message
    /// whose application is not there or another user's, or that restores a
    /// dropped message which is not there: either may have gone a moment ago.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`]; nothing was stored.
    pub async fn create_messages(
        &self,
        new: &[NewMessage],
    ) -> Result<Vec<Option<MessageRow>>, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let mut rows = Vec::with_capacity(new.len());
        for new in new {
            if let Some(dropped) = new.restores {
                let forgotten =
                    sqlx::query("DELETE FROM dropped_messages WHERE id = ? AND user_id = ?")
                        .bind(dropped)
                        .bind(new.user_id)
                        .execute(&mut *transaction)
                        .await?;
                if forgotten.rows_affected() == 0 {
                    rows.push(None);
                    continue;
                }
            }
            let row = sqlx::query_as(concat!(
                "INSERT INTO messages
                 (application_id, user_id, title, body, priority, extras, created_ms, trace)
                 SELECT id, user_id, ?3, ?4, ?5, ?6, ?7, ?8 FROM applications
                 WHERE id = ?1 AND user_id = ?2 RETURNING ",
                columns!()
            ))
            .bind(new.application_id)
            .bind(new.user_id)
            .bind(&new.title)
            .bind(&new.body)
            .bind(new.priority)
            .bind(&new.extras)
            .bind(new.created_ms)
            .bind(&new.trace)
            .fetch_optional(&mut *transaction)
            .await?;
            rows.push(row);
        }
        transaction.commit().await?;
        Ok(rows)
    }

    /// One message of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn message(&self, user_id: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE id = ? AND user_id = ?"
        ))
        .bind(id)
        .bind(user_id)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// What each filter did to a message of a user, as JSON: the outer option
    /// is whether there is such a message, the inner whether filters ran.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn message_trace(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<Option<String>>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT trace FROM messages WHERE id = ? AND user_id = ?")
                .bind(id)
                .bind(user_id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Messages of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn messages(&self, user_id: i64, page: Page) -> Result<Vec<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
        ))
        .bind(user_id)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(page.limit)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Messages of one application of a user, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn application_messages(
        &self,
        user_id: i64,
        application_id: i64,
        page: Page,
    ) -> Result<Vec<MessageRow>, StoreError> {
        Ok(sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE application_id = ? AND user_id = ? AND id < ?
             ORDER BY id DESC LIMIT ?"
        ))
        .bind(application_id)
        .bind(user_id)
        .bind(page.before.unwrap_or(i64::MAX))
        .bind(page.limit)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes a message of a user. False if there is no such message.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_message(&self, user_id: i64, id: i64) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM messages WHERE id = ? AND user_id = ?")
            .bind(id)
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    /// Deletes all messages of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_messages(&self, user_id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM messages WHERE user_id = ?")
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Deletes all messages of one application of a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn delete_application_messages(
        &self,
        user_id: i64,
        application_id: i64,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM messages WHERE application_id = ? AND user_id = ?")
            .bind(application_id)
            .bind(user_id)
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
