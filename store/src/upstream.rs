//! The tables `upstream_applications` and `upstream_followed`, and messages that pass by on their way to or
//! from a Gotify behind this server.

use super::{NewMessage, Store, StoreError, TokenHash, sort_key};

/// An application of a Gotify behind this server.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UpstreamApplication {
    /// Here.
    pub application_id: i64,
    /// Its user here.
    pub user_id: i64,
    /// There.
    pub upstream_id: i64,
    /// Its token, if it was made for a plugin.
    pub token: Option<String>,
}

impl Store {
    /// The application there of one here.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn upstream_application(
        &self,
        application: i64,
    ) -> Result<Option<UpstreamApplication>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM upstream_applications WHERE application_id = ?")
                .bind(application)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// The application here of one there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn application_of_upstream(
        &self,
        upstream: i64,
    ) -> Result<Option<UpstreamApplication>, StoreError> {
        Ok(
            sqlx::query_as("SELECT * FROM upstream_applications WHERE upstream_id = ?")
                .bind(upstream)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Notes that an application here is one there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_upstream_application(
        &self,
        new: &UpstreamApplication,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO upstream_applications (application_id, user_id, upstream_id, token)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (application_id) DO UPDATE SET upstream_id = excluded.upstream_id,
             token = excluded.token",
        )
        .bind(new.application_id)
        .bind(new.user_id)
        .bind(new.upstream_id)
        .bind(&new.token)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Adds an application of a user there, or renews its name and priority.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn mirror_application(
        &self,
        user_id: i64,
        upstream_id: i64,
        name: &str,
        default_priority: i64,
    ) -> Result<i64, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let there: Option<i64> = sqlx::query_scalar(
            "SELECT application_id FROM upstream_applications WHERE upstream_id = ?",
        )
        .bind(upstream_id)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(id) = there {
            sqlx::query("UPDATE applications SET name = ?, default_priority = ? WHERE id = ?")
                .bind(name)
                .bind(default_priority)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            return Ok(id);
        }
        let last: Option<String> =
            sqlx::query_scalar("SELECT max(sort_key) FROM applications WHERE user_id = ?")
                .bind(user_id)
                .fetch_one(&mut *transaction)
                .await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO applications (user_id, name, description, default_priority, sort_key,
             created_ms) VALUES (?, ?, '', ?, ?, ?) RETURNING id",
        )
        .bind(user_id)
        .bind(name)
        .bind(default_priority)
        .bind(sort_key::after(last.as_deref()))
        .bind(self.now_ms())
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO upstream_applications (application_id, user_id, upstream_id)
             VALUES (?, ?, ?)",
        )
        .bind(id)
        .bind(user_id)
        .bind(upstream_id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Notes the token with which senders send as an application there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn learn_token(&self, application: i64, token: &TokenHash) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        // It may have been another one's before.
        sqlx::query("UPDATE applications SET token_hash = NULL WHERE token_hash = ?")
            .bind(token.as_bytes())
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE applications SET token_hash = ? WHERE id = ?")
            .bind(token.as_bytes())
            .bind(application)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets a token with which nobody can send there any more.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_token(&self, token: &TokenHash) -> Result<(), StoreError> {
        sqlx::query("UPDATE applications SET token_hash = NULL WHERE token_hash = ?")
            .bind(token.as_bytes())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets the tokens of a user's applications that are gone there: of all but these,
    /// by their numbers there. Applications that were made there for one here keep
    /// theirs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_tokens_except(
        &self,
        user_id: i64,
        present: &[i64],
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE applications SET token_hash = NULL WHERE token_hash IS NOT NULL AND id IN (
                 SELECT application_id FROM upstream_applications
                 WHERE user_id = ? AND token IS NULL
                 AND upstream_id NOT IN (SELECT value FROM json_each(?)))",
        )
        .bind(user_id)
        .bind(serde_json::json!(present).to_string())
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Keeps a message that is stored there, under its number there, for listeners.
    /// False if it is here already; it gets the trace then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn pass_by(&self, id: i64, new: &NewMessage) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO messages
             (id, application_id, user_id, title, body, priority, extras, created_ms, trace,
              hops)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(new.application_id)
        .bind(new.user_id)
        .bind(&new.title)
        .bind(&new.body)
        .bind(new.priority)
        .bind(&new.extras)
        .bind(new.created_ms)
        .bind(&new.trace)
        .bind(new.hops)
        .execute(&mut *transaction)
        .await?;
        let is_new = kept.rows_affected() > 0;
        if !is_new && new.trace.is_some() {
            sqlx::query("UPDATE messages SET trace = ? WHERE id = ?")
                .bind(&new.trace)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(is_new)
    }

    /// The newest message there that was followed for a user, by its number there; none
    /// before the first one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn followed(&self, user_id: i64) -> Result<Option<i64>, StoreError> {
        Ok(
            sqlx::query_scalar("SELECT message FROM upstream_followed WHERE user_id = ?")
                .bind(user_id)
                .fetch_optional(&self.readers)
                .await?,
        )
    }

    /// Sets the newest message there that was followed for a user. Listeners receive no
    /// newer one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn set_followed(&self, user_id: i64, message: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO upstream_followed (user_id, message) VALUES (?, ?)
             ON CONFLICT (user_id) DO UPDATE SET message = excluded.message",
        )
        .bind(user_id)
        .bind(message)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Lets listeners receive the messages there up to this one too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn follow_to(&self, user_id: i64, message: i64) -> Result<(), StoreError> {
        // Two messages that were sent at once may come in the other order.
        sqlx::query("UPDATE upstream_followed SET message = max(message, ?2) WHERE user_id = ?1")
            .bind(user_id)
            .bind(message)
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets the newest followed messages of all users: listeners receive messages as
    /// soon as they are stored here.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_followed(&self) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM upstream_followed")
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets messages that passed by before a time and that the listeners have
    /// had, and those before an earlier time in any case.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`].
    pub async fn forget_passed_by(&self, had_ms: i64, any_ms: i64) -> Result<u64, StoreError> {
        let forgotten = sqlx::query(
            "DELETE FROM messages WHERE created_ms < ?2 OR (created_ms < ?1 AND NOT EXISTS (
                 SELECT 1 FROM plugin_instances i WHERE i.user_id = messages.user_id
                 AND i.enabled AND i.cursor < messages.id))",
        )
        .bind(had_ms)
        .bind(any_ms)
        .execute(&self.writer)
        .await?;
        Ok(forgotten.rows_affected())
    }
}

#[cfg(test)]
mod tests {
    use super::Store;
    use crate::{NewMessage, Readable, TokenHash};

    #[tokio::test]
    async fn the_newest_followed_message_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let ann = store.create_user("ann", "hash", true).await.unwrap().id;
        let ben = store.create_user("ben", "hash", true).await.unwrap().id;
        store.set_followed(ann, 7).await.unwrap();
        store.set_followed(ann, 9).await.unwrap();
        store.close().await;
        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.followed(ann).await.unwrap(), Some(9));
        assert_eq!(store.followed(ben).await.unwrap(), None);
        store.close().await;
    }

    #[tokio::test]
    async fn listeners_receive_messages_up_to_the_newest_followed_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let ann = store.create_user("ann", "hash", true).await.unwrap().id;
        let application = store.mirror_application(ann, 1, "one", 0).await.unwrap();
        let new = NewMessage {
            application_id: application,
            user_id: ann,
            title: "t".to_owned(),
            body: "b".to_owned(),
            priority: 0,
            extras: None,
            created_ms: 1,
            expires_ms: None,
            trace: None,
            restores: None,
            hops: 0,
        };
        let given = async || {
            let readable = Readable {
                instance: 1,
                user_id: ann,
                applications: None,
                min_priority: None,
            };
            let given = store.messages_after(readable, 0, 10).await.unwrap();
            let given: Vec<i64> = given.iter().map(|message| message.id).collect();
            (given, store.newest_message(ann).await.unwrap())
        };
        // Without a first stream, nothing can have been missed.
        store.pass_by(7, &new).await.unwrap();
        assert_eq!(given().await, (vec![7], 7));
        store.set_followed(ann, 7).await.unwrap();
        // Message 8 is missed at first, and then caught up with.
        store.pass_by(9, &new).await.unwrap();
        assert_eq!(given().await, (vec![7], 7));
        store.pass_by(8, &new).await.unwrap();
        store.follow_to(ann, 8).await.unwrap();
        assert_eq!(given().await, (vec![7, 8], 8));
        store.follow_to(ann, 9).await.unwrap();
        store.follow_to(ann, 8).await.unwrap();
        assert_eq!(given().await, (vec![7, 8, 9], 9));
        store.set_followed(ann, 7).await.unwrap();
        store.forget_followed().await.unwrap();
        assert_eq!(given().await, (vec![7, 8, 9], 9));
        store.close().await;
    }

    #[tokio::test]
    async fn tokens_of_applications_that_are_gone_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let ann = store.create_user("ann", "hash", true).await.unwrap().id;
        let ben = store.create_user("ben", "hash", true).await.unwrap().id;
        let token = |there: i64| TokenHash::of_stored(&format!("A{there}"));
        for (user, there) in [(ann, 1), (ann, 2), (ann, 3), (ben, 4)] {
            let id = store.mirror_application(user, there, "one", 0).await;
            store.learn_token(id.unwrap(), &token(there)).await.unwrap();
        }
        store.forget_tokens_except(ann, &[2, 3]).await.unwrap();
        store.forget_token(&token(3)).await.unwrap();
        for (there, known) in [(1, false), (2, true), (3, false), (4, true)] {
            let found = store.application_by_token(&token(there)).await.unwrap();
            assert_eq!(found.is_some(), known, "{there}");
        }
        store.close().await;
    }
}
