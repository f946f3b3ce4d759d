//! Messages as plugins read them, with the name of where they come from, and
//! how far listeners were fed.

use futures_util::{Stream, TryStreamExt as _};

use crate::{Store, StoreError};

/// A message and its application.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourcedMessage {
    /// Unique on the server; grows with time.
    pub id: i64,
    /// Its application.
    pub application_id: i64,
    /// The application's name.
    pub application_name: String,
    /// The instance that sent it, if a plugin did.
    pub plugin_instance_id: Option<i64>,
    /// May be empty.
    pub title: String,
    /// The text.
    pub body: String,
    /// As the sender gave it.
    pub priority: i64,
    /// A JSON object.
    pub extras: Option<String>,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
    /// The number of plugins that it has passed through.
    pub hops: u8,
}

/// The messages that an instance may read: those of other senders, from the
/// applications in its grant.
#[derive(Clone, Copy, Debug)]
pub struct Readable<'a> {
    /// The instance; its own messages are excluded.
    pub instance: i64,
    /// Its user.
    pub user_id: i64,
    /// The names of the applications; none for all applications.
    pub applications: Option<&'a [&'a str]>,
    /// The lowest priority; none for every priority.
    pub min_priority: Option<i32>,
}

/// Bytes of messages that a plugin is given at once; it is given one message at
/// least.
const GIVEN_BYTES: usize = 8 << 20;

/// Reads rows until they are [`GIVEN_BYTES`] long.
async fn given(
    mut rows: impl Stream<Item = Result<SourcedMessage, sqlx::Error>> + Unpin,
) -> Result<Vec<SourcedMessage>, StoreError> {
    let mut given: Vec<SourcedMessage> = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        bytes += row.title.len() + row.body.len() + row.extras.as_ref().map_or(0, String::len);
        if bytes > GIVEN_BYTES && !given.is_empty() {
            break;
        }
        given.push(row);
    }
    Ok(given)
}

/// A message that a listener failed on again and again.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DeadLetterRow {
    /// The message.
    pub message_id: i64,
    /// The number of attempts with this message alone.
    pub attempts: i64,
    /// The last failure.
    pub error: String,
    /// The time at which it became a dead letter, in milliseconds since the
    /// epoch.
    pub created_ms: i64,
    /// The message's application.
    pub application_id: i64,
    /// The message's title.
    pub title: String,
}

/// Dead letters that are kept per instance; the oldest go first.
const DEAD_LETTERS: i64 = 1000;

macro_rules! sourced {
    () => {
        "SELECT m.id, m.application_id, a.name AS application_name, a.plugin_instance_id,
         m.title, m.body, m.priority, m.extras, m.created_ms, m.hops
         FROM messages m JOIN applications a ON a.id = m.application_id "
    };
}

macro_rules! readable {
    () => {
        " m.user_id = ?1 AND a.plugin_instance_id IS NOT ?2
          AND (?3 IS NULL OR a.name IN (SELECT value FROM json_each(?3)))
          AND (?6 IS NULL OR m.priority >= ?6) "
    };
}

/// The newest message that listeners of a user may receive. In front of a Gotify, it is the
/// newest followed one: an older message may still be missing here, and listeners would
/// never go back to it.
macro_rules! newest_for_listeners {
    () => {
        " coalesce((SELECT message FROM upstream_followed WHERE user_id = ?1),
                   9223372036854775807) "
    };
}

impl Store {
    /// One message of a user, with where it comes from.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn sourced_message(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<SourcedMessage>, StoreError> {
        Ok(
            sqlx::query_as(concat!(sourced!(), "WHERE m.id = ? AND m.user_id = ?"))
                .bind(id)
                .bind(user_id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Returns the instance, and the id of its plugin, to which the application of a user's
    /// message belongs; none if it belongs to no plugin.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn plugin_of_message(
        &self,
        user_id: i64,
        id: i64,
    ) -> Result<Option<(i64, String)>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT i.id, i.plugin FROM messages m JOIN applications a ON a.id = m.application_id
             JOIN plugin_instances i ON i.id = a.plugin_instance_id
             WHERE m.id = ? AND m.user_id = ?",
        )
        .bind(id)
        .bind(user_id)
        .fetch_optional(&self.readers)
        .await?)
    }

    /// Returns messages that an instance sent, newest first, with an id below
    /// `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn messages_sent(
        &self,
        user_id: i64,
        instance: i64,
        before: i64,
        limit: u32,
    ) -> Result<Vec<SourcedMessage>, StoreError> {
        let rows = sqlx::query_as(concat!(
            sourced!(),
            "WHERE m.user_id = ? AND a.plugin_instance_id = ? AND m.id < ?
             ORDER BY m.id DESC LIMIT ?"
        ))
        .bind(user_id)
        .bind(instance)
        .bind(before)
        .bind(limit)
        .fetch(&self.readers);
        given(rows).await
    }

    /// Returns messages that an instance may read, newest first, with an id
    /// below `before`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn messages_received(
        &self,
        readable: Readable<'_>,
        before: i64,
        limit: u32,
    ) -> Result<Vec<SourcedMessage>, StoreError> {
        let rows = sqlx::query_as(concat!(
            sourced!(),
            "WHERE",
            readable!(),
            "AND m.id < ?4 ORDER BY m.id DESC LIMIT ?5"
        ))
        .bind(readable.user_id)
        .bind(readable.instance)
        .bind(readable.applications.map(super::json))
        .bind(before)
        .bind(limit)
        .bind(readable.min_priority)
        .fetch(&self.readers);
        given(rows).await
    }

    /// Returns messages that an instance may read and that were stored after
    /// the message `after`, oldest first; in front of a Gotify, up to the newest followed
    /// one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn messages_after(
        &self,
        readable: Readable<'_>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SourcedMessage>, StoreError> {
        let rows = sqlx::query_as(concat!(
            sourced!(),
            "WHERE",
            readable!(),
            "AND m.id > ?4 AND m.id <=",
            newest_for_listeners!(),
            "ORDER BY m.id LIMIT ?5"
        ))
        .bind(readable.user_id)
        .bind(readable.instance)
        .bind(readable.applications.map(super::json))
        .bind(after)
        .bind(limit)
        .bind(readable.min_priority)
        .fetch(&self.readers);
        given(rows).await
    }

    /// The id of the user's newest message, in front of a Gotify of those that were
    /// followed; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn newest_message(&self, user_id: i64) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(concat!(
            "SELECT coalesce(max(id), 0) FROM messages WHERE user_id = ?1 AND id <=",
            newest_for_listeners!()
        ))
        .bind(user_id)
        .fetch_one(&self.readers)
        .await?)
    }

    /// Notes how far an instance's listener was fed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_plugin_cursor(&self, instance: i64, cursor: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE plugin_instances SET cursor = ? WHERE id = ?")
            .bind(cursor)
            .bind(instance)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Sets a message aside for an instance and moves its cursor past it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_message_aside(
        &self,
        instance: i64,
        message: i64,
        attempts: u32,
        error: &str,
    ) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        // The message may have been deleted meanwhile.
        sqlx::query(
            "INSERT INTO dead_letters (instance_id, message_id, attempts, error, created_ms)
             SELECT ?1, id, ?3, ?4, ?5 FROM messages WHERE id = ?2
             ON CONFLICT (instance_id, message_id)
             DO UPDATE SET attempts = excluded.attempts, error = excluded.error",
        )
        .bind(instance)
        .bind(message)
        .bind(attempts)
        .bind(error)
        .bind(self.now_ms())
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM dead_letters WHERE instance_id = ?1 AND message_id <=
             (SELECT message_id FROM dead_letters WHERE instance_id = ?1
              ORDER BY message_id DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(instance)
        .bind(DEAD_LETTERS)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE plugin_instances SET cursor = ? WHERE id = ?")
            .bind(message)
            .bind(instance)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The dead letters of an instance, newest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn dead_letters(&self, instance: i64) -> Result<Vec<DeadLetterRow>, StoreError> {
        Ok(sqlx::query_as(
            "SELECT s.message_id, s.attempts, s.error, s.created_ms, m.application_id, m.title
             FROM dead_letters s JOIN messages m ON m.id = s.message_id
             WHERE s.instance_id = ? ORDER BY s.message_id DESC",
        )
        .bind(instance)
        .fetch_all(&self.readers)
        .await?)
    }

    /// Whether a message is a dead letter of an instance.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn is_dead_letter(&self, instance: i64, message: i64) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM dead_letters
                            WHERE instance_id = ? AND message_id = ?)",
        )
        .bind(instance)
        .bind(message)
        .fetch_one(&self.readers)
        .await?)
    }

    /// Notes another attempt at a dead letter.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn note_dead_letter(
        &self,
        instance: i64,
        message: i64,
        error: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE dead_letters SET attempts = attempts + 1, error = ?3
             WHERE instance_id = ?1 AND message_id = ?2",
        )
        .bind(instance)
        .bind(message)
        .bind(error)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Removes a dead letter. Whether there was one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn remove_dead_letter(
        &self,
        instance: i64,
        message: i64,
    ) -> Result<bool, StoreError> {
        let removed =
            sqlx::query("DELETE FROM dead_letters WHERE instance_id = ? AND message_id = ?")
                .bind(instance)
                .bind(message)
                .execute(&self.writer)
                .await?;
        Ok(removed.rows_affected() > 0)
    }
}
